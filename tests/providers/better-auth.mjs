// Better Auth with its plugin for JWTs, which Neon Auth is made of. Users sign up with email and password; keys are Ed25519.

import { Browser, listen, obey } from './control.mjs';
import { randomBytes, randomUUID } from 'node:crypto';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins/jwt';

const YEAR = 365 * 24 * 3600;

const server = await listen();
const tables = { user: [], session: [], account: [], verification: [], jwks: [] };
const browsers = new Map();
/** For whom the next tokens are. */
let audience;

const auth = betterAuth({
  baseURL: server.origin,
  secret: randomBytes(32).toString('hex'),
  database: memoryAdapter(tables),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [
    jwt({
      jwks: { rotationInterval: YEAR, gracePeriod: YEAR },
      // Ed25519 signs the same text alike each time; the id makes each token another.
      jwt: { expirationTime: '1h', definePayload: () => ({ aud: audience, jti: randomUUID() }) },
    }),
  ],
});
server.handle = toNodeHandler(auth);

async function signUp(user) {
  const browser = new Browser();
  const body = JSON.stringify({ name: user, email: `${user}@example.com`, password: 'correct horse' });
  await api(browser, 'sign-up/email', body, { 'content-type': 'application/json', origin: server.origin });
  browsers.set(user, browser);
}

async function api(browser, path, body, headers) {
  const answer = await browser.open(`${server.origin}/api/auth/${path}`, body, headers);
  if (answer.status !== 200) {
    throw new Error(`status ${answer.status}: ${answer.text}`);
  }
  return JSON.parse(answer.text);
}

const jwksUrl = `${server.origin}/api/auth/jwks`;
await obey(server, { issuer: server.origin, jwks_url: jwksUrl, algorithms: ['EdDSA'] }, {
  /** Lets all keys expire, whereupon the provider makes a new one to sign with and goes on publishing the others for a year. */
  rotate() {
    for (const key of tables.jwks) {
      key.expiresAt = new Date(Date.now() - 1000);
    }
  },
  /** Lets the grace of expired keys pass too. */
  retire() {
    for (const key of tables.jwks) {
      if (key.expiresAt < new Date()) {
        key.expiresAt = new Date(0);
      }
    }
  },
  /** Signs a user up who is not, and gets as many tokens. */
  async tokens({ user, audience: wanted, count }) {
    audience = wanted;
    if (!browsers.has(user)) {
      await signUp(user);
    }
    const tokens = [];
    for (let number = 0; number < count; number += 1) {
      tokens.push((await api(browsers.get(user), 'token')).token);
    }
    const { id } = tables.user.find((row) => row.name === user);
    return { sub: id, access_tokens: tokens, id_tokens: [] };
  },
});
