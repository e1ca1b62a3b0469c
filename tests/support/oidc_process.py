"""An OpenID Connect issuer as a process of its own, for tests: `python -m tests.support.oidc_process PORT`.

A maintained provider, made as strict as real ones are (registered clients, PKCE, state, nonce). It can be told to err:
`POST /_control` with `claims` (set in the next ID tokens; None takes one out), `key` (`unpublished` signs with a key
nobody is told of, `rotated` is a new one from now on), `algorithm` (`none`, `HS256`), `userinfo` (set in what it tells
on request), `down` (it answers 503). Each call replaces the one before.
"""

import base64
import hashlib
import json
import os
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")  # the provider's own use of what its library calls old
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import flask  # noqa: E402 - after the setting that it reads
import oidc_provider_mock  # noqa: E402
from authlib import jose  # noqa: E402
from oidc_provider_mock._storage import storage  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

app: flask.Flask = oidc_provider_mock.app(require_client_registration=True, require_nonce=True)
challenges: dict[str, str] = {}
told: dict[str, Any] = {}


@app.before_request
def refuse() -> flask.typing.ResponseReturnValue | None:
    """What a strict issuer refuses."""
    request = flask.request
    if told.get("down") and request.path != "/_control":
        return "down", 503
    if request.path == "/oauth2/authorize":
        strict = request.args.get("code_challenge_method") == "S256" and request.args.get("state")
        return None if strict else ("PKCE and a state are required", 400)
    if request.path == "/oauth2/token" and _hashed(request.form.get("code_verifier", "")) != challenges.get(
        request.form.get("code", "")
    ):
        return flask.jsonify({"error": "invalid_grant"}), 400
    return None


@app.after_request
def err(response: flask.Response) -> flask.Response:
    """Remember the challenge of each code; say in tokens what we were told to."""
    request = flask.request
    if request.path == "/oauth2/authorize" and "code=" in response.headers.get("Location", ""):
        code = response.headers["Location"].split("code=")[1].split("&")[0]
        challenges[code] = request.args["code_challenge"]
    if request.path == "/oauth2/token" and response.status_code == 200:
        body = json.loads(response.get_data())
        body["id_token"] = _altered(body["id_token"])
        response.set_data(json.dumps(body))
    if request.path == "/userinfo" and response.status_code == 200:
        response.set_data(json.dumps(json.loads(response.get_data()) | told.get("userinfo", {})))
    return response


@app.post("/_control")
def control() -> flask.typing.ResponseReturnValue:
    """How to err from now on."""
    told.clear()
    told.update(flask.request.json or {})
    if told.get("key") == "rotated":
        storage.jwk = _key()
    return "", 204


def _altered(token: str) -> str:
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    for name, value in told.get("claims", {}).items():
        claims[name] = value
    claims = {name: value for name, value in claims.items() if value is not None}
    if told.get("algorithm") == "none":
        return ".".join([_part({"alg": "none"}), _part(claims), ""])
    key = _key() if told.get("key") == "unpublished" else storage.jwk
    if told.get("algorithm") == "HS256":
        return str(
            jose.JsonWebToken(["HS256"]).encode({"alg": "HS256"}, claims, b"a secret of 32 bytes at the least").decode()
        )
    header = {"alg": "RS256", "kid": storage.jwk.thumbprint()}
    return str(jose.JsonWebToken(["RS256"]).encode(header, claims, key).decode())


def _key() -> Any:
    return jose.RSAKey.generate_key(is_private=True)


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _hashed(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True).serve_forever()
