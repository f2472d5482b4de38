// The stand-in: the work of the example container in Node, written down before the answer.
//
//   node server.js PORT FOLDER
'use strict';

const { randomBytes } = require('node:crypto');
const path = require('node:path');
const Database = require('better-sqlite3');
const fastify = require('fastify');
const { take } = require('./hit.js');

const [port, folder] = process.argv.slice(2);
const MOST_JOINED = 512;
const CHECKPOINT_BYTES = 16 << 20;
const WAL_BYTES = 64 << 20;
const PAGE_BYTES = 16384;

const database = new Database(path.join(folder, 'deliveries.db'));
database.pragma(`page_size=${PAGE_BYTES}`);
for (const one of ['auto_vacuum=incremental', 'journal_mode=wal', 'synchronous=full', 'wal_autocheckpoint=0',
  'secure_delete=fast', 'cache_size=-2048', `journal_size_limit=${WAL_BYTES}`]) database.pragma(one);
database.exec(`
  create table delivery(
    number integer primary key, id text not null, lane integer not null, batch blob not null, size integer not null,
    due integer not null, claim blob, first integer not null, give_up integer not null, expire integer not null,
    tag text not null, event_name text not null, body blob not null
  ) strict;
  create index delivery_waiting on delivery(lane, due, first) where claim is null;
`);
const insert = database.prepare(
  'insert into delivery(id, lane, batch, size, due, first, give_up, expire, tag, event_name, body) ' +
  "values(?, 1, x'00', ?, ?, ?, ?, ?, 'TikTok - events', ?, ?)");

// Whatever came while the last commit was written goes into the next one together; the answers leave after it.
let waiting = [];
let written = 0;

const store = database.transaction((hits) => {
  for (const { rows, received } of hits) {
    for (const { name, payload } of rows) {
      const body = Buffer.from(payload);
      written += 2 * body.length;
      const times = [received + 1000, received, received + 48 * 3600000, received + 7 * 24 * 3600000];
      insert.run(randomBytes(16).toString('hex'), body.length, ...times, name, body);
    }
  }
});

function commit() {
  const hits = waiting.splice(0, MOST_JOINED);
  if (waiting.length) setImmediate(commit);
  store(hits);
  for (const hit of hits) hit.done();
  written += 4 * PAGE_BYTES;
  if (written < CHECKPOINT_BYTES) return;
  written = 0;
  const [found] = database.pragma('wal_checkpoint(passive)');
  if (found.log * PAGE_BYTES > WAL_BYTES) database.pragma('wal_checkpoint(restart)');
}

function stored(rows, received) {
  return new Promise((done) => {
    if (!waiting.length) setImmediate(commit);
    waiting.push({ rows, received, done });
  });
}

const app = fastify({ logger: false, trustProxy: '127.0.0.1', querystringParser: () => ({}), forceCloseConnections: true });
app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
app.removeContentTypeParser(['application/json', 'text/plain']);
app.addContentTypeParser(['text/plain', 'application/json'], { parseAs: 'string' }, (_request, body, done) => done(null, body));

async function collect(request, reply) {
  const received = Date.now();
  const url = request.raw.url;
  const at = url.indexOf('?');
  const hit = { query: at < 0 ? '' : url.slice(at + 1), body: request.body || '', headers: request.headers, ip: request.ip };
  const rows = take(hit, received);
  if (rows.length) await stored(rows, received);
  reply
    .code(204)
    .header('cache-control', 'no-cache, no-store, must-revalidate')
    .header('access-control-allow-origin', request.headers.origin)
    .header('access-control-allow-credentials', 'true')
    .header('vary', 'Origin');
}

app.get('/g/collect', collect);
app.post('/g/collect', collect);
app.get('/healthy', async () => 'ok\n');
app.listen({ host: '127.0.0.1', port: Number(port) });
process.on('SIGTERM', () => app.close().then(() => { database.close(); process.exit(0); }));
