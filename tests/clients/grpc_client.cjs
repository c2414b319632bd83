// Calls the server at argv[2] through @grpc/grpc-js, with the .proto files under argv[3]; prints what it saw as JSON.
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const [address, proto] = process.argv.slice(2);

const definition = loader.loadSync(['bimip/v1/session_service.proto', 'bimip/v1/topic_service.proto'],
                                   { includeDirs: [proto], longs: Number, defaults: false });
const { v1 } = grpc.loadPackageDefinition(definition).bimip;
const credentials = grpc.credentials.createInsecure();
const topics = new v1.TopicService(address, credentials);
const sessions = new v1.SessionService(address, credentials);
const soon = (milliseconds) => ({ deadline: Date.now() + milliseconds });
const call = (method, request) => new Promise((resolve, reject) => {
  topics[method](request, soon(20000), (error, answer) => (error ? reject(error) : resolve(answer)));
});

async function unary() {
  const created = await call('createTopic', { createTopic: { topic: 'from-node', config: { partitions: 2 } } });
  await call('publish', { publish: { topic: 'from-node', partition: 1, value: Buffer.from('by grpc-js') } });
  const fetched = await call('fetch', { topic: 'from-node', partition: 1 });
  const listed = await call('listTopics', {});
  const described = await call('describeTopic', { topic: 'from-node' });
  const refused = await call('publish', { publish: { topic: 'nowhere' } }).catch((error) => error);
  return {
    topic: { name: created.topic.topic, partitions: created.topic.partitions.length },
    fetched: fetched.records.map((record) => record.value.toString()),
    listed: listed.list.topics.map((topic) => topic.topic),
    described: described.topic.topic,
    refused: { code: refused.code, named: refused.details.startsWith('NOT_FOUND') },
  };
}

const late = () => new Promise((resolve) => {
  const stream = sessions.session(soon(300));
  stream.on('data', () => {});
  stream.on('error', (error) => resolve(error.code));
});

const session = () => new Promise((resolve, reject) => {
  const seen = { welcome: false, published: 0, delivered: 0 };
  const stream = sessions.session(soon(20000));
  stream.on('data', ({ stanzas }) => {
    for (const stanza of stanzas) {
      if (stanza.welcome) {
        seen.welcome = true;
        const publishes = Array.from({ length: 20 }, (_, i) => (
          { id: 2 + i, publish: { topic: 'from-node', partition: 0, value: Buffer.from(`${i}`) } }));
        stream.write({ stanzas: publishes });
        stream.write({ stanzas: [{ id: 99, subscribe: { topic: 'from-node', partitions: [0], earliest: true, credit: 100 } }] });
      }
      if (stanza.published) seen.published += 1;
      if (stanza.delivery) seen.delivered += stanza.delivery.records.length;
    }
    if (seen.published === 20 && seen.delivered === 20) stream.end();
  });
  stream.on('error', reject);
  stream.on('status', (status) => resolve({ ...seen, status: status.code }));
  stream.write({ stanzas: [{ id: 1, identity: { protocolVersion: 1, eid: 'node' } }] });
});

(async () => {
  console.log(JSON.stringify({ ...(await unary()), late: await late(), session: await session() }));
  topics.close();
  sessions.close();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
