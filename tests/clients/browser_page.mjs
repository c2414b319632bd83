// A page that speaks to the server from inside a browser, as its task says, and tells the test what it saw. What is said
// here as an object is sent by either subprotocol: as JSON, or as bytes that protobufjs makes by the .proto files.

const BOTH = ['bimip.v1', 'bimip.v1.json'];
const ANSWER_WITHIN = 20000;
const post = (path, body) => fetch(path, { method: 'POST', body: JSON.stringify(body) });
const task = await (await fetch('/task')).json();

async function stanzaType() {
  const root = new protobuf.Root();
  root.resolvePath = (_, file) => `/proto/${file}`;
  await root.load('bimip/v1/stanza.proto');
  return root.lookupType('bimip.v1.Stanza');
}

async function codecs() {
  const stanza = await stanzaType();
  return {
    'bimip.v1': {
      encode: (object) => stanza.encode(stanza.fromObject(object)).finish(),
      decode: (data) => stanza.toObject(stanza.decode(new Uint8Array(data)), { longs: String, enums: String, bytes: String }),
    },
    'bimip.v1.json': { encode: JSON.stringify, decode: JSON.parse },
  };
}
const codecOf = await codecs();

const base64 = (text) => {
  let bytes = '';
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
};
const text = (value = '') => new TextDecoder().decode(Uint8Array.from(atob(value), (c) => c.charCodeAt(0)));

class Session {
  // Resolves when the handshake is over, however it ended.
  static open(subprotocol, token = task.token) {
    const session = new Session(subprotocol, token);
    return new Promise((resolve) => {
      session.socket.addEventListener('open', () => resolve(session));
      session.socket.addEventListener('close', () => resolve(session));
    });
  }

  constructor(subprotocol, token) {
    this.codec = codecOf[subprotocol];
    this.socket = new WebSocket(task.url, token ? [subprotocol, `bimip.token.${token}`] : [subprotocol]);
    this.socket.binaryType = 'arraybuffer';
    this.answers = true;  // the server's Pings
    this.answered = 0;
    this.opened = false;
    this.failed = false;
    this.goodbye = null;
    this.lastId = 0;
    this.come = [];  // stanzas that nobody has asked for yet
    this.waiting = [];
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code, wasClean, reason }) => {
        for (const { reject } of this.waiting) reject(new Error(`closed with ${code} ${reason}`));
        resolve({ code, wasClean, reason, goodbye: this.goodbye?.code, retry: this.goodbye?.retry === true });
      };
    });
    this.socket.onopen = () => { this.opened = true; };
    this.socket.onerror = () => { this.failed = true; };
    this.socket.onmessage = ({ data }) => this.hear(this.codec.decode(data));
  }

  hear(stanza) {
    if (stanza.ping && this.answers) {
      this.answered += 1;
      this.tell({ id: stanza.id, pong: { sentAtUs: stanza.ping.sentAtUs } });
      return;
    }
    if (stanza.goodbye) this.goodbye = stanza.goodbye;
    this.come.push(stanza);
    this.waiting = this.waiting.filter(({ wanted, resolve }) => {
      const at = this.come.findIndex(wanted);
      if (at >= 0) resolve(this.come.splice(at, 1)[0]);
      return at < 0;
    });
  }

  next(wanted) {
    const at = this.come.findIndex(wanted);
    if (at >= 0) return Promise.resolve(this.come.splice(at, 1)[0]);
    return new Promise((resolve, reject) => {
      this.waiting.push({ wanted, resolve, reject });
      setTimeout(() => reject(new Error(`waited for ${wanted}, had ${JSON.stringify(this.come).slice(0, 1000)}`)), ANSWER_WITHIN);
    });
  }

  tell(stanza) { this.socket.send(this.codec.encode(stanza)); }

  async ask(body) {
    const id = String(this.lastId += 1);
    this.tell({ id, ...body });
    return this.next((stanza) => stanza.id === id);
  }

  identify() { return this.ask({ identity: { protocolVersion: 1, client: 'a page' } }); }

  // Silent but for its Pongs, until the server has asked for so many.
  async lives(pings) {
    while (this.answered < pings) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (this.socket.readyState !== WebSocket.OPEN) throw new Error(`ended: ${JSON.stringify(await this.closed)}`);
    }
  }

  async records(count) {
    const records = [];
    while (records.length < count) records.push(...(await this.next((stanza) => stanza.delivery)).delivery.records);
    return records;
  }
}

async function publishes(session, topic) {
  const large = 'ä'.repeat(500_000);
  const values = ['plain', 'ä € 😀', '\u0000\u007f', '', large];
  const offsets = [];
  for (const value of values) {
    const { published } = await session.ask({ publish: { topic, partition: 0, key: base64('k'), value: base64(value) } });
    offsets.push(published.offset ?? '0');
  }
  return { values, offsets };
}

// With a credit of 2: what comes before an acknowledgement, and what each one brings.
async function subscribes(session, topic) {
  const { subscribed } = await session.ask({ subscribe: { topic, earliest: true, credit: 2 } });
  const { subscriptionId } = subscribed;
  const first = await session.records(2);
  const { pong } = await session.ask({ ping: { sentAtUs: '9007199254740993' } });
  const heldBack = !session.come.some((stanza) => stanza.delivery);
  session.tell({ acknowledge: { subscriptionId, partition: 0, endOffset: '2' } });
  const second = await session.records(2);
  session.tell({ acknowledge: { subscriptionId, partition: 0, endOffset: '4' } });
  const third = await session.records(1);
  return { batches: [first.length, second.length, third.length], heldBack, pong: pong.sentAtUs,
           values: [...first, ...second, ...third].map(({ value }) => text(value)) };
}

async function talk(subprotocol) {
  const session = await Session.open(subprotocol);
  const { welcome } = await session.identify();
  const topic = `from.${subprotocol}`;
  const created = await session.ask({ createTopic: { topic, config: { partitions: 1 } } });
  const published = await publishes(session, topic);
  const { values, ...subscribed } = await subscribes(session, topic);
  const refused = await session.ask({ publish: { topic: 'nowhere' } });
  await session.lives(2);
  session.socket.close(4000, 'done');
  return { subprotocol: session.socket.protocol, extensions: session.socket.extensions, eid: welcome.eid,
           created: created.topicDescription.topic, offsets: published.offsets, ...subscribed,
           same: values.every((value, i) => value === published.values[i]), refused: refused.error.code,
           closed: await session.closed };
}

async function talks() {
  const [binary, json] = await Promise.all(BOTH.map(talk));
  return { binary, json };
}

// How a session ends after `act`.
async function end(subprotocol, act, { token, identify = true } = {}) {
  const session = await Session.open(subprotocol, token);
  if (identify) await session.identify();
  await act(session);
  return session.closed;
}

async function endsOf(one) {
  const isJson = one === 'bimip.v1.json';
  const stranger = { identify: false };
  const identity = { id: 1, identity: { protocolVersion: 1 } };
  const silent = end(one, (session) => { session.answers = false; });  // takes its time
  return {
    stranger: await end(one, (session) => session.tell({ id: 1, publish: { topic: 'events' } }), stranger),
    'no token': await end(one, (session) => session.tell(identity), { ...stranger, token: '' }),
    'bad token': await end(one, (session) => session.tell(identity), { ...stranger, token: 'a.b.c' }),
    malformed: await end(one, ({ socket }) => socket.send(isJson ? '{' : new Uint8Array([255, 255, 255]))),
    'other kind': await end(one, ({ socket }) => socket.send(isJson ? new Uint8Array([1]) : '{}')),
    'too large': await end(one, ({ socket }) => socket.send(isJson ? ' '.repeat(3 << 20) : new Uint8Array(3 << 20))),
    'own, no code': await end(one, ({ socket }) => socket.close()),
    silent: await silent,
  };
}

// Both sessions at once, after what the test does.
async function endTogether(act) {
  const sessions = await Promise.all(BOTH.map((one) => Session.open(one)));
  await Promise.all(sessions.map((session) => session.identify()));
  await post(`/do/${act}`);
  return Promise.all(sessions.map(({ closed }) => closed));
}

async function ends() {
  const [binary, json] = await Promise.all(BOTH.map(endsOf));
  [binary.kicked, json.kicked] = await endTogether('kick');
  [binary.stopped, json.stopped] = await endTogether('stop');
  return { binary, json };
}

async function revoked() {
  const session = await Session.open('bimip.v1');
  await session.identify();
  await post('/do/revoke');
  const closed = await session.closed;
  const again = await end('bimip.v1', (other) => other.tell({ id: 1, identity: { protocolVersion: 1 } }), { identify: false });
  return { closed, again };
}

// What becomes of one handshake.
async function attempt(token = task.token) {
  const session = await Session.open('bimip.v1', token);
  return { opened: session.opened, failed: session.failed, ...(await session.closed) };
}

// The same from a frame in this page that has no origin.
function framed() {
  const frame = document.createElement('iframe');
  frame.sandbox = 'allow-scripts';
  frame.srcdoc = `<script>
    const socket = new WebSocket(${JSON.stringify(task.url)}, ['bimip.v1', 'bimip.token.' + ${JSON.stringify(task.token)}]);
    socket.onopen = () => parent.postMessage({ origin, opened: true }, '*');
    socket.onclose = ({ code, wasClean }) => parent.postMessage({ origin, opened: false, code, wasClean }, '*');
  </script>`;
  const seen = new Promise((resolve) => addEventListener('message', ({ data }) => resolve(data), { once: true }));
  document.body.append(frame);
  return seen;
}

async function foreign() {
  const page = fetch(`${task.url.replace('ws', 'http')}metrics`).then(() => 'read', () => 'not read');
  return { withToken: await attempt(), without: await attempt(''), framed: await framed(), metrics: await page };
}

try {
  await post('/said', await { talks, ends, revoked, attempt, foreign }[task.scenario]());
} catch (error) {
  await post('/said', { exception: `${error}\n${error.stack}` });
}
