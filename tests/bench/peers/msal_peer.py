"""msal with msal-extensions beside the library: the same work on their plain file, which is the one store of theirs that runs without
a desktop (the sealed one asks the Secret Service over D-Bus). Imports and the client's own start are not counted.

  make    STORE COUNT LIFETIME  writes a store with so many accounts, whose tokens live so many seconds
  first   STORE                 the first token from a store, in a new process
  persist STORE ROUNDS          so many refreshes of one account, each kept
  renew   STORE                 one refresh, kept: the store then has the server's newest refresh token
  rush    STORE THREADS         says `ready`, waits for `go`, lets so many threads ask for a token at once

Each takes the authority and the file of its certification authority before its own arguments, and tells with one JSON object.
"""

import base64
import json
import os
import statistics
import sys
import threading
import time

# The machine's settings for other programs do not apply to the stub on loopback.
for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
    for spelling in (name, name.lower()):
        os.environ.pop(spelling, None)

import msal  # noqa: E402  (reads the environment)
import msal_extensions  # noqa: E402

CLIENT = "55555555-0000-4aaa-9bbb-666666666666"
TENANT = "11111111-aaaa-4bbb-8ccc-222222222222"
SCOPES = ["User.Read", "Mail.ReadBasic", "Calendars.Read"]
WORDS = "eyJub25jZSI6IkJlbmNobWFyayJ9" * 100


def main():
    what, authority, root, store, *rest = sys.argv[1:]
    told = {"make": make, "first": first, "persist": persist, "renew": renew, "rush": rush}[what](authority, root, store, *map(int, rest))
    print(json.dumps(told), flush=True)


def first(authority, root, store):
    app = client(authority, root, cache(store))
    started = time.perf_counter()
    app.token_cache = cache(store)
    token = silent(app)
    return {"ms": (time.perf_counter() - started) * 1e3} if ".access." in token["access_token"] else {}


def persist(authority, root, store, rounds):
    """`request` is the time of the same refresh where nothing is kept but in memory."""
    app = client(authority, root, cache(store))
    silent(app)  # the connection and what else is done once
    before = written()
    kept = median(app, rounds)
    kilobytes = (written() - before) / rounds / 1e3
    in_memory = msal.SerializableTokenCache()
    in_memory.deserialize(msal_extensions.FilePersistence(store).load())
    app = client(authority, root, in_memory)
    silent(app)
    return {"ms": kept, "kB": kilobytes, "request": median(app, rounds)}


def renew(authority, root, store):
    silent(client(authority, root, cache(store)), force=True)
    return {}


def median(app, rounds):
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        silent(app, force=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e3


def rush(authority, root, store, threads):
    app = client(authority, root, cache(store))
    told = {"calls": 0, "failures": 0, "missing": 0, "why": "", "times": []}
    counting, barrier = threading.Lock(), threading.Barrier(threads + 1)

    def call():
        barrier.wait()
        started = time.perf_counter()
        missing, why = 0, ""
        try:
            accounts = app.get_accounts()
            missing = int(not accounts)
            found = accounts and app.acquire_token_silent_with_error(SCOPES, accounts[0])
            if accounts and not (found and ".access." in found.get("access_token", "")):
                why = str(found and found.get("error"))
        except Exception as error:  # what a caller would meet
            why = type(error).__name__
        with counting:
            told["calls"] += 1
            told["missing"] += missing
            told["failures"] += int(bool(why))
            told["why"] = told["why"] or why
            told["times"].append((time.perf_counter() - started) * 1e3)

    callers = [threading.Thread(target=call, daemon=True) for _ in range(threads)]
    for caller in callers:
        caller.start()
    print("ready", flush=True)
    sys.stdin.readline()
    barrier.wait()
    for caller in callers:
        caller.join()
    return told


def client(authority, root, tokens):
    """Reads the description of the authority."""
    address = f"{authority}/{TENANT}"
    return msal.PublicClientApplication(CLIENT, authority=address, verify=root, instance_discovery=False, token_cache=tokens)


def cache(store):
    return msal_extensions.PersistedTokenCache(msal_extensions.FilePersistence(store))


def silent(app, force=False):
    account = app.get_accounts()[0]
    return app.acquire_token_silent_with_error(SCOPES, account, force_refresh=force)


def make(authority, _root, store, count, lifetime):
    """The entries that msal itself makes of as many answers."""
    entries = msal.SerializableTokenCache()
    for person in range(count):
        oid = f"aaaaaaaa-bbbb-4ccc-8ddd-{person:012x}"
        claims = {"oid": oid, "tid": TENANT, "sub": oid, "preferred_username": f"person{person}@contoso.example", "aud": CLIENT}
        response = {
            "access_token": f"{person}.access.{WORDS}"[:1900],
            "refresh_token": f"{person}.refresh.0.{WORDS}"[:1200],
            "id_token": "e30." + encoded(claims) + ".AA",
            "id_token_claims": claims,
            "client_info": encoded({"uid": oid, "utid": TENANT}),
            "expires_in": lifetime,
        }
        endpoint = f"{authority}/{TENANT}/oauth2/v2.0/token"
        entries.add({"client_id": CLIENT, "scope": SCOPES, "token_endpoint": endpoint, "response": response})
    msal_extensions.FilePersistence(store).save(entries.serialize())
    return {}


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def written():
    """As in store.rs: bytes that the kernel has to write to a disk."""
    with open("/proc/self/io", encoding="ascii") as counts:
        return int(next(line for line in counts if line.startswith("write_bytes")).split()[1])


main()
