// An OpenID provider that nobody here wrote, where the library looks for one: `oidc-provider` for two organisations at
// /{guid}/v2.0, and a `/graph/v1.0/me` that takes its tokens. Loopback only; it ends when its standard input does.
//
// Standard output: a line {"origin", "client", "tenants"}, then one line of JSON for each line of JSON read:
//   {"do":"browse", "url", "user", ...}  a person opens the address, see agent.mjs     {"do":"forget"}  with a fresh browser
//   {"do":"advance", "seconds"}          moves the provider's clock                     {"do":"rotate"}  signs with a new key
//   {"do":"log"}                         the requests so far: method, path, status, and what a token request asked for

import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Agent } from './agent.mjs';

// Standard output is for our lines alone; the provider's notices are for a person.
console.info = console.error;
console.log = console.error;
const { default: Provider } = await import('oidc-provider');
const { createMemoryAdapter } = await import('oidc-provider/lib/adapters/memory_adapter.js');

const CLIENT = '55555555-0000-4aaa-9bbb-666666666666';
const CONTOSO = '11111111-aaaa-4bbb-8ccc-222222222222';
const FABRIKAM = '22222222-aaaa-4bbb-8ccc-333333333333';
// A tenant whose description names another issuer: Contoso's.
const BORROWED = '33333333-aaaa-4bbb-8ccc-444444444444';
const PEOPLE = {
  'ada@contoso.example': { oid: '66666666-aaaa-4bbb-8ccc-000000000001', name: 'Ada Lovelace' },
  'grace@contoso.example': { oid: '66666666-aaaa-4bbb-8ccc-000000000002', name: 'Grace Hopper' },
};
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const cookieKeys = [randomBytes(16).toString('hex')];
const stores = new Map([[CONTOSO, createMemoryAdapter()], [FABRIKAM, createMemoryAdapter()]]);
const requests = [];
const machineTime = Date.now.bind(Date);
let offset = 0;
let agent = new Agent();
Date.now = () => machineTime() + offset;

const server = createServer(answer);
await new Promise((ready) => server.listen(0, 'localhost', ready));
const origin = `http://localhost:${server.address().port}`;
const providers = new Map([[CONTOSO, provider(CONTOSO)], [FABRIKAM, provider(FABRIKAM)]]);
const mounts = new Map([[CONTOSO, CONTOSO], [FABRIKAM, FABRIKAM], [BORROWED, CONTOSO]]);

print({ origin, client: CLIENT, tenants: [CONTOSO, FABRIKAM, BORROWED] });
for await (const line of createInterface({ input: process.stdin })) {
  print(await obey(JSON.parse(line)).catch((error) => ({ failed: String(error) })));
}
process.exit(0);

function provider(tenant) {
  const account = (id) => PEOPLE[id] && {
    accountId: id,
    claims: () => ({ sub: `pairwise of ${id}`, tid: tenant, oid: PEOPLE[id].oid, name: PEOPLE[id].name, preferred_username: id, email: id }),
  };
  const made = new Provider(`${origin}/${tenant}/v2.0`, {
    clients: [{
      client_id: CLIENT,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://localhost', 'http://127.0.0.1'],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', DEVICE_GRANT],
    }],
    scopes: ['openid', 'offline_access', 'User.Read', 'Mail.ReadBasic', 'Calendars.Read'],
    claims: { openid: ['sub', 'tid', 'oid'], profile: ['name', 'preferred_username'], email: ['email'] },
    conformIdTokenClaims: false,
    findAccount: (ctx, id) => account(id),
    features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600, IdToken: 3600 },
    cookies: { keys: cookieKeys },
    adapter: stores.get(tenant),
    jwks: { keys: [signingKey()] },
  });
  made.on('grant.success', (ctx) => note(ctx));
  made.on('grant.error', (ctx, error) => note(ctx, error.error));
  return made;
}

// What a token request asked for, and why it was refused.
function note(ctx, error) {
  Object.assign(ctx.req.entry, { grant: ctx.oidc.params?.grant_type, error });
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
}

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, origin);
  const entry = { method: request.method, path: pathname, status: 0 };
  requests.push(entry);
  request.entry = entry;
  response.on('finish', () => { entry.status = response.statusCode; });
  const [, tenant, version] = pathname.split('/');
  if (pathname === '/graph/v1.0/me') return me(request, response);
  const mounted = version === 'v2.0' && mounts.get(tenant);
  if (!mounted) return send(response, 404, { error: 'not_found' });
  const prefix = `/${tenant}/v2.0`;
  if (pathname === `${prefix}/auth`) {
    entry.asked = Object.fromEntries([...searchParams].filter(([name]) => ['scope', 'response_mode', 'code_challenge_method', 'prompt'].includes(name)));
    // OpenID Connect Core 11: offline access needs prompt=consent unless other conditions allow it. Here they do, which this
    // provider has no setting for.
    if (!searchParams.has('prompt')) request.url += '&prompt=consent';
  }
  request.originalUrl = request.url;
  request.url = request.url.slice(prefix.length);
  return providers.get(mounted).callback()(request, response);
}

// Graph's /me, for whoever a provider's access token belongs to.
async function me(request, response) {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  for (const known of providers.values()) {
    const found = await known.AccessToken.find(token);
    if (found?.scopes.has('User.Read')) {
      const { oid, name } = PEOPLE[found.accountId];
      return send(response, 200, { id: oid, displayName: name, mail: found.accountId, userPrincipalName: found.accountId });
    }
  }
  return send(response, 401, { error: { code: 'InvalidAuthenticationToken', message: 'not one of ours' } });
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function obey(command) {
  switch (command.do) {
    case 'browse': return agent.browse(command);
    case 'forget': agent = new Agent(); return {};
    case 'advance': offset += command.seconds * 1000; return {};
    case 'rotate': providers.set(CONTOSO, provider(CONTOSO)); return {};
    case 'log': return requests;
    default: throw new Error(`unknown command ${command.do}`);
  }
}

function print(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
