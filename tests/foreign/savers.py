"""Programs that save sign-ins, each led through a sign-in of its own at the sandbox: msal, msal-extensions, O365, email-oauth2-proxy.

Reads a line {"do": ..., ...} and answers it with a line, until its input ends. `begin` names a program and gives the address for the
browser; `complete` takes the address that the browser came back with, and after it the program has written its file. What is called
below are the programs' own public entries; what stands in for their surroundings is said at each.
"""

import json
import os
import queue
import sys
import threading
import urllib.parse

# The machine's settings for other programs do not apply to the sandbox on loopback.
for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
    for spelling in (name, name.lower()):
        os.environ.pop(spelling, None)

import emailproxy  # noqa: E402  (reads the environment)
import msal  # noqa: E402
import msal_extensions  # noqa: E402
from cryptography.fernet import Fernet  # noqa: E402
from O365.connection import Connection  # noqa: E402
from O365.utils import FileSystemTokenBackend  # noqa: E402

REDIRECT_URI = "http://localhost:8400"


def msal_app(client_id, authority, ca, cache):
    return msal.PublicClientApplication(
        client_id, authority=authority, verify=ca, instance_discovery=False, token_cache=cache
    )


class Msal:
    """msal with its SerializableTokenCache, written to a file as its documentation shows."""

    def __init__(self, path, client_id, authority, ca, scopes, **_):
        self.path = path
        self.cache = self.new_cache()
        if os.path.exists(path):
            with open(path) as file:
                self.cache.deserialize(file.read())
        self.app = msal_app(client_id, authority, ca, self.cache)
        self.scopes = scopes

    def new_cache(self):
        return msal.SerializableTokenCache()

    def begin(self):
        self.flow = self.app.initiate_auth_code_flow(self.scopes, redirect_uri=REDIRECT_URI)
        return self.flow["auth_uri"]

    def complete(self, redirect_url):
        answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(redirect_url).query))
        result = self.app.acquire_token_by_auth_code_flow(self.flow, answer)
        assert "access_token" in result, result
        self.save()

    def save(self):
        with open(self.path, "w") as file:
            file.write(self.cache.serialize())


class MsalExtensions(Msal):
    """msal with the PersistedTokenCache of msal-extensions on a FilePersistence, which writes by itself."""

    def new_cache(self):
        return msal_extensions.PersistedTokenCache(msal_extensions.FilePersistence(self.path))

    def save(self):
        pass


class O365:
    """O365's Connection with its FileSystemTokenBackend.

    O365 only knows Microsoft's own authority, so it is given the msal application that it would have made, at the sandbox.
    """

    def __init__(self, path, client_id, authority, ca, scopes, key=None, **_):
        backend = FileSystemTokenBackend(token_path=os.path.dirname(path), token_filename=os.path.basename(path))
        backend.cryptography_manager = Sealed(key) if key else None
        self.connection = Connection(client_id, auth_flow_type="public", token_backend=backend, verify_ssl=ca)
        self.connection._msal_client = msal_app(client_id, authority, ca, backend)
        self.scopes = scopes

    def begin(self):
        address, self.flow = self.connection.get_authorization_url(self.scopes, redirect_uri=REDIRECT_URI)
        return address

    def complete(self, redirect_url):
        assert self.connection.request_token(redirect_url, flow=self.flow)


class Sealed:
    """A cryptography_manager for O365, as a host writes one: Fernet, with texts in place of bytes."""

    def __init__(self, key):
        self.fernet = Fernet(key)

    def encrypt(self, data):
        return self.fernet.encrypt(data.encode()).decode()

    def decrypt(self, data):
        return self.fernet.decrypt(data).decode()


class EmailProxy:
    """email-oauth2-proxy's own handling of a login, from its configuration to its saved tokens.

    In place of a mail program its OAuth2Helper is called with the user name and the password, and in place of its window its two
    queues are served: the request for an authorization, and the address that the browser came back with.
    """

    def __init__(self, path, username, password, cache_store=None, **_):
        emailproxy.CONFIG_FILE_PATH = path
        emailproxy.CACHE_STORE = cache_store or path
        emailproxy.AppConfig.unload()
        self.login = (username, password)
        self.answer = queue.Queue()

    def begin(self):
        self.thread = threading.Thread(target=self.log_in, daemon=True)
        self.thread.start()
        self.request = emailproxy.REQUEST_QUEUE.get(timeout=30)
        return self.request["permission_url"]

    def log_in(self):
        try:
            self.answer.put(emailproxy.OAuth2Helper.get_oauth2_credentials(*self.login))
        except Exception as error:
            self.answer.put((False, repr(error)))

    def complete(self, redirect_url):
        emailproxy.RESPONSE_QUEUE.put({**self.request, "response_url": redirect_url})
        worked, message = self.answer.get(timeout=50)
        assert worked, message

    def log_in_again(self):
        """What the mail program's next login does: it takes the saved token, which opens with the password."""
        emailproxy.AppConfig.unload()
        worked, message = emailproxy.OAuth2Helper.get_oauth2_credentials(*self.login)
        assert worked, message


PROGRAMS = {"msal": Msal, "msal-extensions": MsalExtensions, "o365": O365, "email-oauth2-proxy": EmailProxy}


class Commands:
    def start(self, log):
        emailproxy.Log.initialise(log)
        return {}

    def begin(self, program, **settings):
        self.program = PROGRAMS[program](**settings)
        return {"auth_uri": self.program.begin()}

    def complete(self, redirect_url):
        self.program.complete(redirect_url)
        return {}

    def log_in_again(self):
        self.program.log_in_again()
        return {}

    def fernet_key(self):
        return {"key": Fernet.generate_key().decode()}


def main():
    answers, sys.stdout = sys.stdout, sys.stderr  # emailproxy prints
    commands = Commands()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(commands, command.pop("do"))(**command)
        except Exception as error:  # Whatever it is, the test shows it.
            answer = {"failed": repr(error)}
        print(json.dumps(answer), file=answers, flush=True)


main()
