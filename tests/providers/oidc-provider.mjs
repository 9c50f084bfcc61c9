// A certified OpenID provider. Users log in through its pages, and get access tokens (RFC 9068) and ID tokens.
//
// Its keys are given when it is made. To change them while it runs, another one takes its place behind the same socket, with the same
// sessions.

import { Browser, listen, obey } from './control.mjs';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { Provider } from 'oidc-provider';

const ALGORITHMS = ['RS256', 'ES256'];
const REDIRECT_URI = 'https://app.example/callback';

const server = await listen();
const cookieKeys = [randomBytes(32).toString('hex')];
/** A key for each algorithm, the newest first. The provider signs with the first that fits. */
let generations = [generation()];
use(generations);

function generation() {
  const pairs = {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  };
  return ALGORITHMS.map((alg) => ({ ...pairs[alg].privateKey.export({ format: 'jwk' }), alg, use: 'sig' }));
}

function use(generations) {
  const provider = new Provider(server.origin, {
    jwks: { keys: generations.flat() },
    cookies: { keys: cookieKeys },
    clients: ALGORITHMS.map((alg) => ({
      client_id: `app-${alg}`,
      token_endpoint_auth_method: 'none',
      redirect_uris: [REDIRECT_URI],
      id_token_signed_response_alg: alg,
    })),
    features: {
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // A resource is an audience and the algorithm of its tokens, `urn:todos:ES256`.
        getResourceServerInfo(_, resource) {
          const [, audience, alg] = resource.split(':');
          return { audience, scope: 'use', accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
        },
      },
    },
    ttl: { AccessToken: 3600, IdToken: 3600 },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  });
  server.handle = provider.callback();
}

/** Logs in as a person would: requests the pages, sends their forms, and follows redirects to the one that has the code. */
async function authorize(browser, parameters) {
  let page = await browser.open(`${server.origin}/auth?${new URLSearchParams(parameters)}`);
  for (;;) {
    if (page.location?.startsWith(REDIRECT_URI)) {
      return new URL(page.location).searchParams.get('code');
    }
    if (page.location) {
      page = await browser.open(new URL(page.location, server.origin));
      continue;
    }
    const action = /action="([^"]+)"/.exec(page.text)?.[1];
    const prompt = /name="prompt" value="([^"]+)"/.exec(page.text)?.[1];
    if (page.status !== 200 || !action) {
      throw new Error(`status ${page.status}: ${page.text}`);
    }
    page = await browser.open(action, ...form({ prompt, login: parameters.login_hint, password: 'any' }));
  }
}

async function token(browser, { user, alg, audience }) {
  const verifier = randomBytes(32).toString('base64url');
  const common = { client_id: `app-${alg}`, redirect_uri: REDIRECT_URI, resource: `urn:${audience}:${alg}` };
  const code = await authorize(browser, {
    ...common,
    response_type: 'code',
    scope: 'openid use',
    login_hint: user,
    nonce: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const grant = form({ ...common, grant_type: 'authorization_code', code, code_verifier: verifier });
  const answer = await browser.open(`${server.origin}/token`, ...grant);
  if (answer.status !== 200) {
    throw new Error(`status ${answer.status}: ${answer.text}`);
  }
  return JSON.parse(answer.text);
}

function form(fields) {
  return [new URLSearchParams(fields).toString(), { 'content-type': 'application/x-www-form-urlencoded' }];
}

await obey(server, { issuer: server.origin, algorithms: ALGORITHMS }, {
  /** Signs with new keys from now on; the old ones stay published. */
  rotate() {
    generations = [generation(), ...generations];
    use(generations);
  },
  /** Takes all keys but the newest out of the set. */
  retire() {
    generations = generations.slice(0, 1);
    use(generations);
  },
  /** Logs a user in, and gets as many pairs of tokens, each from a code of its own. */
  async tokens({ count, ...wanted }) {
    const browser = new Browser();
    const answers = [];
    for (let number = 0; number < count; number += 1) {
      answers.push(await token(browser, wanted));
    }
    return {
      sub: wanted.user,
      access_tokens: answers.map((answer) => answer.access_token),
      id_tokens: answers.map((answer) => answer.id_token),
    };
  },
});
