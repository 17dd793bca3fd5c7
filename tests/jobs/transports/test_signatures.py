"""Every way in which a token can be wrong is a 401, and none is a fault of ours."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.jobs.transports.qstash import NotSigned, SigningKeys, body_claim, verify

URL = "https://tastemaker.example.com/webhooks/qstash/background-jobs"
BODY = b'{"job_id": "1", "note": "\xff raw"}'
CURRENT = "sig_current_0123456789abcdef0123456789"
NEXT = "sig_next_0123456789abcdef0123456789abc"
KEYS = SigningKeys(CURRENT, NEXT)

Claims = dict[str, Any]


def claims(**changed: Any) -> Claims:  # noqa: ANN401 - whatever a token may claim
    now = int(time.time())
    usual = {
        "iss": "Upstash",
        "sub": URL,
        "exp": now + 300,
        "nbf": now,
        "iat": now,
        "jti": "jwt_1",
        "body": body_claim(BODY) + "=",
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not ...}


def token(key: str = CURRENT, **changed: Any) -> str:  # noqa: ANN401 - the same
    return jwt.encode(claims(**changed), key, algorithm="HS256")


def by_hand(payload: object, header: object = None, key: str = CURRENT) -> str:
    """Signed all the same: what a library would not write."""
    parts = [json.dumps(header or {"alg": "HS256", "typ": "JWT"}), json.dumps(payload)]
    signed = ".".join(_encoded(part.encode()) for part in parts)
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    return f"{signed}.{_encoded(algorithm.sign(signed.encode(), key.encode()))}"


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("padding", ["", "=", "=="])
def test_the_signers_call_is_known_by_its_tokens_id(padding: str) -> None:
    assert verify(token(body=body_claim(BODY) + padding), url=URL, body=BODY, keys=KEYS) == "jwt_1"


def test_during_a_rotation_both_keys_are_good() -> None:
    assert verify(token(NEXT), url=URL, body=BODY, keys=KEYS)
    rotated = SigningKeys(NEXT, "sig_third_0123456789abcdef0123456789ab")
    assert verify(token(NEXT), url=URL, body=BODY, keys=rotated)
    with pytest.raises(NotSigned):
        verify(token(CURRENT), url=URL, body=BODY, keys=rotated)


def test_clocks_may_differ_a_little() -> None:
    now = int(time.time())
    assert verify(token(exp=now - 10), url=URL, body=BODY, keys=KEYS)
    assert verify(token(nbf=now + 10, iat=now + 10, exp=now + 310), url=URL, body=BODY, keys=KEYS)


WRONG: dict[str, Callable[[], str | None]] = {
    "none": lambda: None,
    "empty": lambda: "",
    "no token": lambda: "nonsense",
    "not ascii": lambda: "é.é.é",
    "huge": lambda: "a" * 10_000,
    "another key": lambda: token("sig_another_0123456789abcdef0123456789"),
    "an empty key": lambda: by_hand(claims(), key=""),
    "the public name as key": lambda: token("Upstash" + "x" * 32),
    "alg none": lambda: jwt.encode(claims(), None, algorithm="none"),
    "alg none in capitals": lambda: by_hand(claims(), {"alg": "NONE", "typ": "JWT"}),
    "another hash": lambda: by_hand(claims(), {"alg": "HS512", "typ": "JWT"}),
    "no alg": lambda: by_hand(claims(), {"typ": "JWT"}),
    "alg a list": lambda: by_hand(claims(), {"alg": ["HS256"], "typ": "JWT"}),
    "signature cut": lambda: token()[:-4],
    "signature gone": lambda: token().rpartition(".")[0] + ".",
    "four parts": lambda: token() + ".x",
    "expired": lambda: token(exp=int(time.time()) - 60),
    "exp gone": lambda: token(exp=...),
    "exp null": lambda: by_hand(claims(exp=None)),
    "exp a word": lambda: by_hand(claims(exp="tomorrow")),
    "exp infinite": lambda: by_hand({**claims(), "exp": float("inf")}),
    "valid for years": lambda: token(exp=int(time.time()) + 10**9),
    "not yet": lambda: token(nbf=int(time.time()) + 120),
    "issued tomorrow": lambda: token(iat=int(time.time()) + 86400),
    "nbf gone": lambda: token(nbf=...),
    "another issuer": lambda: token(iss="upstash"),
    "issuer gone": lambda: token(iss=...),
    "issuer a list": lambda: by_hand(claims(iss=["Upstash"])),
    "another url": lambda: token(sub=URL + "/"),
    "another host": lambda: token(sub=URL.replace("tastemaker.example.com", "evil.example.org")),
    "url gone": lambda: token(sub=...),
    "url a list": lambda: by_hand(claims(sub=[URL])),
    "another body": lambda: token(body=body_claim(BODY + b" ")),
    "body gone": lambda: token(body=...),
    "body null": lambda: by_hand(claims(body=None)),
    "body a number": lambda: by_hand(claims(body=5)),
    "body empty": lambda: token(body=""),
    "body not ascii": lambda: token(body="é"),
    "id gone": lambda: token(jti=...),
    "id a number": lambda: by_hand(claims(jti=5)),
    "id long": lambda: token(jti="x" * 500),
    "id with NUL": lambda: token(jti="a\0b"),
    "for somebody": lambda: token(aud="another"),
    "claims a list": lambda: by_hand([1]),
    "claims a word": lambda: by_hand("x"),
    "deep": lambda: by_hand({"a": json.loads("[" * 500 + "]" * 500)}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_whatever_is_wrong_is_refused(wrong: str) -> None:
    with pytest.raises(NotSigned) as refused:
        verify(WRONG[wrong](), url=URL, body=BODY, keys=KEYS)
    assert refused.value.status == 401
    assert CURRENT not in str(refused.value)


def test_a_body_serialised_anew_is_another_body() -> None:
    compact = json.dumps({"a": 1, "b": 2}).encode()
    spaced = json.dumps({"a": 1, "b": 2}, indent=1).encode()
    with pytest.raises(NotSigned):
        verify(token(body=body_claim(compact)), url=URL, body=spaced, keys=KEYS)


@given(st.text(max_size=200))
def test_no_text_is_a_fault(text: str) -> None:
    with pytest.raises(NotSigned):
        verify(text, url=URL, body=BODY, keys=KEYS)


@pytest.mark.parametrize("short", ["", "x", "sig_"])
def test_a_key_that_proves_nothing_is_not_taken(short: str) -> None:
    with pytest.raises(ValueError, match="short"):
        SigningKeys(short)
    with pytest.raises(ValueError, match="short"):
        SigningKeys(CURRENT, short)


def test_keys_are_not_shown() -> None:
    assert CURRENT not in repr(KEYS)
