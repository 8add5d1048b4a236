"""A client that nobody here wrote: msal, led through JSON lines.

Reads a line {"do": ..., ...} and answers it with a line, until its input ends; the functions below say what each takes. Tokens
are told apart by a fingerprint; they are not printed.
"""

import hashlib
import json
import os
import sys

# The machine's settings for other programs do not apply to the sandbox on loopback.
for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
    for spelling in (name, name.lower()):
        os.environ.pop(spelling, None)

import msal  # noqa: E402  (reads the environment)


class Client:
    """One application with the token cache of its process."""

    def __init__(self):
        self.app = None
        self.flows = {}
        self.answers = {}

    def open(self, client_id, authority, ca, instance_discovery=False):
        """Reads the description of the authority, over HTTPS with the given certification authority."""
        self.app = msal.PublicClientApplication(
            client_id,
            authority=authority,
            verify=ca,
            instance_discovery=instance_discovery,
            client_capabilities=["CP1"],
            http_cache=self.answers,
        )
        found = self.app.authority
        return {"tenant": found.tenant, "token_endpoint": found.token_endpoint, "device": found.device_authorization_endpoint}

    def begin(self, scopes, **wishes):
        flow = self.app.initiate_auth_code_flow(scopes, redirect_uri="http://localhost:8400", **wishes)
        self.flows[flow["state"]] = flow
        return {"auth_uri": flow["auth_uri"], "state": flow["state"]}

    def complete(self, answer):
        """Redeems what the browser brought back; `answer` has its parameters."""
        return shape(self.app.acquire_token_by_auth_code_flow(self.flows[answer["state"]], answer))

    def accounts(self):
        known = ("username", "home_account_id", "local_account_id", "environment", "realm")
        return [{name: account.get(name) for name in known} for account in self.app.get_accounts()]

    def silent(self, scopes, force=False, claims=None):
        [account] = self.app.get_accounts()
        # msal repeats a refusal for two minutes without asking; here the organisation changes its mind faster.
        self.answers.clear()
        found = self.app.acquire_token_silent_with_error(scopes, account, force_refresh=force, claims_challenge=claims)
        return shape(found)

    def begin_device(self, scopes):
        flow = self.app.initiate_device_flow(scopes)
        self.flows[flow["user_code"]] = flow
        return {name: value for name, value in flow.items() if name not in ("device_code", "_correlation_id")}

    def poll_device(self, user_code):
        """Asks once, however long the interval is."""
        return shape(self.app.acquire_token_by_device_flow(self.flows[user_code], exit_condition=lambda flow: True))


def shape(result):
    """What msal gave its caller, with fingerprints in place of tokens."""
    secret = ("access_token", "refresh_token", "id_token")
    fingerprint = {name: hashlib.sha256(result[name].encode()).hexdigest()[:16] for name in secret if name in (result or {})}
    return {**(result or {"nothing": True}), **fingerprint}


def main():
    client = Client()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(client, command.pop("do"))(**command)
        except ValueError as error:
            answer = {"refused": str(error)}
        except Exception as error:  # Whatever it is, the test shows it.
            answer = {"failed": repr(error)}
        print(json.dumps(answer), flush=True)


main()
