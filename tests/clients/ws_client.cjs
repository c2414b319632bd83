// Speaks to the server at argv[2] through ws; prints what it saw as JSON.
const WebSocket = require('ws');
const url = process.argv[2];

const open = (subprotocol) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url, [subprotocol], { perMessageDeflate: true, maxPayload: 0 });
  socket.come = [];  // messages that nobody has asked for yet
  socket.on('message', (data, isBinary) => {
    socket.come.push({ data, isBinary });
    socket.emit('come');
  });
  socket.on('open', () => resolve(socket));
  socket.on('error', reject);
});
const message = async (socket) => {
  if (socket.come.length === 0) {
    await new Promise((resolve, reject) => {
      socket.once('come', resolve);
      socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
    });
  }
  return socket.come.shift();
};
const closed = (socket) => new Promise((resolve) => {
  socket.on('error', () => {});
  socket.on('close', resolve);
});
const ask = async (socket, stanza) => {
  socket.send(JSON.stringify(stanza));
  return JSON.parse((await message(socket)).data.toString());
};
const identity = { protocolVersion: 1, eid: 'node' };

// Stanza { id: 1, identity: { protocol_version: 1, eid: "node" } } and Stanza { id: 2, ping: {} }, byte by byte.
const identityBytes = Buffer.from([0x08, 1, 0x12, 8, 0x08, 1, 0x12, 4, ...Buffer.from('node')]);
const pingBytes = Buffer.from([0x08, 2, 0x22, 0]);

async function binary() {
  const socket = await open('bimip.v1');
  socket.send(identityBytes);
  const welcome = await message(socket);
  socket.send(pingBytes);
  const pong = await message(socket);
  socket.close();
  // The id is the first field, the body the second: 3 is welcome, 5 is pong.
  return { subprotocol: socket.protocol, welcome: welcome.isBinary && welcome.data[2] === 0x1a,
           pongId: pong.data[2] === 0x2a ? pong.data[1] : 0 };
}

async function json() {
  const socket = await open('bimip.v1.json');
  await ask(socket, { id: 1, identity });
  await ask(socket, { id: 2, publish: { topic: 'events', value: Buffer.from('from node').toString('base64') } });
  await ask(socket, { id: 3, subscribe: { topic: 'events', earliest: true, credit: 10 } });
  const { delivery } = JSON.parse((await message(socket)).data.toString());
  socket.close();
  return { subprotocol: socket.protocol,
           delivered: delivery.records.map((record) => Buffer.from(record.value, 'base64').toString()) };
}

async function fragments() {
  const socket = await open('bimip.v1.json');
  const pongs = [];
  socket.on('pong', (data) => pongs.push(data.toString()));
  await ask(socket, { id: 4, identity });
  const text = JSON.stringify({ id: 5, ping: { sentAtUs: '7' } });
  socket.send(text.slice(0, 3), { fin: false });
  socket.ping('between');
  socket.send('', { fin: false });
  socket.send(text.slice(3), { fin: true });
  const pong = JSON.parse((await message(socket)).data.toString());
  socket.close();
  return { pongs, pongId: pong.id };
}

async function closes() {
  const ends = async (subprotocol, act) => {
    const socket = await open(subprotocol);
    act(socket);
    return closed(socket);
  };
  return {
    'bad json': await ends('bimip.v1.json', (socket) => socket.send('{')),
    oversize: await ends('bimip.v1', (socket) => socket.send(Buffer.alloc(3 << 20))),
    text: await ends('bimip.v1', (socket) => socket.send('{}')),
    own: await ends('bimip.v1', (socket) => socket.close(4001, 'done')),
    'own, no code': await ends('bimip.v1', (socket) => socket.close()),
  };
}

(async () => {
  console.log(JSON.stringify({ binary: await binary(), json: await json(), fragments: await fragments(),
                               closes: await closes() }));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
