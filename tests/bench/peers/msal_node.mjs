// msal-node beside the library, with its cache in a plain file that a plugin of a few lines reads and writes, as its documentation shows.
//
//   make STORE            signs in once and keeps the account
//   rush STORE CALLERS    says `ready`, waits for `go`, lets so many callers ask for a token at once (in one thread, as Node does)
//
// Each takes the authority before its own arguments, and tells with one JSON object. NODE_EXTRA_CA_CERTS has its certification authority.

import { PublicClientApplication } from "@azure/msal-node";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const CLIENT = "55555555-0000-4aaa-9bbb-666666666666";
const TENANT = "11111111-aaaa-4bbb-8ccc-222222222222";
const SCOPES = ["User.Read", "Mail.ReadBasic", "Calendars.Read"];

const [what, authority, store, callers] = process.argv.slice(2);

const file = {
  beforeCacheAccess: async (context) => {
    if (existsSync(store)) context.tokenCache.deserialize(readFileSync(store, "utf8"));
  },
  afterCacheAccess: async (context) => {
    if (context.cacheHasChanged) writeFileSync(store, context.tokenCache.serialize());
  },
};

const app = new PublicClientApplication({
  auth: { clientId: CLIENT, authority: `${authority}/${TENANT}`, knownAuthorities: [new URL(authority).host] },
  cache: { cachePlugin: file },
});

const make = async () => {
  await app.acquireTokenByCode({ code: "0.nonce", scopes: SCOPES, redirectUri: "http://localhost", nonce: "nonce" });
  return {};
};

const rush = async () => {
  await app.getTokenCache().getAllAccounts();
  console.log("ready");
  for await (const _ of createInterface({ input: process.stdin })) break;
  const told = { calls: 0, failures: 0, missing: 0, why: "", times: [] };
  const call = async () => {
    const started = performance.now();
    try {
      const [account] = await app.getTokenCache().getAllAccounts();
      if (!account) told.missing += 1;
      const found = account && (await app.acquireTokenSilent({ account, scopes: SCOPES }));
      if (account && !found.accessToken.includes(".access.")) throw new Error("another token");
    } catch (error) {
      told.failures += 1;
      told.why ||= error.errorCode ?? error.name;
    }
    told.calls += 1;
    told.times.push(performance.now() - started);
  };
  await Promise.all(Array.from({ length: Number(callers) }, call));
  return told;
};

const told = await { make, rush }[what]();
process.stdout.write(JSON.stringify(told) + "\n", () => process.exit(0));
