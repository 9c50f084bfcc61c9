// What the providers have in common: a server on this machine that can be stopped and started again on its port, and commands.
//
// Each line of standard input is a command, a word and perhaps JSON after it; each gets a line of JSON as its answer. The process ends when
// standard input does, so it never outlives the test that started it. Import this first: it keeps standard output free for answers.

import { once } from 'node:events';
import * as http from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

// Notices about defaults that are not meant for production.
console.info = console.log = console.warn = () => {};

const RealDate = Date;
let offset = 0;

/** A clock that may run ahead of this machine's, or behind it. */
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [RealDate.now() + offset] : parts));
  }

  static now() {
    return RealDate.now() + offset;
  }
};

/** Begins to listen. `handle` of the result is called with each request, and is for the provider to set. */
export async function listen() {
  const provider = { handle: undefined, origin: undefined, commands: undefined };
  let fetches = 0;
  const server = http.createServer((request, response) => {
    fetches += request.url.endsWith('/jwks') ? 1 : 0;
    return provider.handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  provider.origin = `http://127.0.0.1:${port}`;
  provider.commands = {
    /** Nobody is answered any more, as when the provider is down. */
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
    /** Listens again on the same port. */
    async start() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    /** How many times the key set has been fetched. */
    fetches: () => ({ count: fetches }),
    /** Sets the clock so many seconds ahead of this machine's. */
    clock(seconds) {
      offset = seconds * 1000;
    },
  };
  return provider;
}

/** Says that the provider is ready, then does what it is told until standard input ends. */
export async function obey(provider, ready, commands) {
  const all = { ...provider.commands, ...commands };
  const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
  answer(ready);
  for await (const line of createInterface({ input: process.stdin })) {
    const [, word, argument] = /^(\w+) ?(.*)$/.exec(line) ?? [];
    try {
      answer((await all[word](argument ? JSON.parse(argument) : undefined)) ?? {});
    } catch (error) {
      answer({ error: `${line}: ${error.stack}` });
    }
  }
  process.exit();
}

/** An HTTP client with cookies, without regard to their paths. It follows no redirect. */
export class Browser {
  #cookies = new Map();

  /** Sends a request, a POST when it has a body. */
  async open(url, body, headers = {}) {
    const cookie = [...this.#cookies].map((pair) => pair.join('=')).join('; ');
    // Each request has a connection of its own, so that none is left over from before the server was stopped.
    const sent = http.request(url, { agent: false, method: body ? 'POST' : 'GET', headers: { cookie, ...headers } });
    sent.end(body);
    const [response] = await once(sent, 'response');
    for (const line of response.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value) {
        this.#cookies.set(name, value);
      } else {
        this.#cookies.delete(name);
      }
    }
    return { status: response.statusCode, location: response.headers.location, text: await text(response) };
  }
}
