// A client that nobody here wrote: `openid-client`, led through JSON lines, with the signature of every id_token checked.
//
// Reads a line {"do": ..., ...} and answers it with a line, until its input ends. Tokens are not printed.

import { createInterface } from 'node:readline';
import * as client from 'openid-client';

// With a path, as this client takes the redirect URL for one that has one.
const REDIRECT = 'http://localhost:8400/callback';
let config;
let begun;
let refreshToken;

const commands = {
  // Reads the description of the issuer; plain HTTP, as it is on loopback.
  async open({ issuer, clientId }) {
    const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];
    config = await client.discovery(new URL(issuer), clientId, undefined, client.None(), { execute });
    const { issuer: named, token_endpoint } = config.serverMetadata();
    return { issuer: named, token_endpoint };
  },

  async begin({ scope }) {
    const verifier = client.randomPKCECodeVerifier();
    begun = { pkceCodeVerifier: verifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT,
      scope,
      state: begun.expectedState,
      nonce: begun.expectedNonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    return { url: url.href };
  },

  async complete({ redirect }) {
    return shape(await client.authorizationCodeGrant(config, new URL(redirect), begun));
  },

  async refresh({ scope }) {
    return shape(await client.refreshTokenGrant(config, refreshToken, { scope }));
  },
};

function shape(tokens) {
  refreshToken = tokens.refresh_token ?? refreshToken;
  return { claims: tokens.claims(), scope: tokens.scope, type: tokens.token_type, expires: tokens.expiresIn(), rotated: Boolean(tokens.refresh_token) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const answer = await commands[command.do](command).catch((error) => ({ refused: error.code ?? error.name, error: error.error, why: error.message }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
