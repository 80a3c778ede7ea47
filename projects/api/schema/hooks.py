"""What holds for all calls: which are shown, how one signs in, refusals, repeated writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

Endpoint = tuple[str, str, str, Any]

REFUSALS = {
    400: "The request cannot be used; the sentence says why.",
    401: "No token, or one that is mistyped, over or revoked.",
    403: "The role in the project or the token's scope does not allow it.",
    404: "There is no such project, image or label, or it is somebody else's.",
    405: "The address does not answer to this method.",
    409: "It does not fit what is stored by now.",
    413: "More bytes, pixels or items than are accepted.",
    415: "Not an image, or of a kind that is not accepted.",
    422: "An image that is damaged, or an Idempotency-Key that was used for another request.",
    429: "Too many requests or predictions for this project; see Retry-After.",
    503: "Busy, or the encoder cannot be loaded; see Retry-After.",
}
READING = (400, 401, 403, 404, 405, 409, 422, 429, 503)

ERROR = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {
        "error": {"type": "string", "description": "A sentence, with what to do."},
        "code": {"type": "string", "description": "For programs; does not change."},
    },
    "example": {"error": "Send a token in the header X-Auth-token.", "code": "no_token"},
}

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A new text for each request. Sent again with the same key within 24 hours, the "
    "request gives the first answer and does nothing twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "projects.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-Auth-token",
            "description": "Made in your profile, or by `manage.py create_token NAME`.",
        }


def without_aliases(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Leave out the second addresses of calls: /rs/api, a slash at the end, similarity-labeling."""
    return [
        each
        for each in endpoints
        if each[0].startswith("/api/")
        and not each[0].endswith("/")
        and "similarity-labeling" not in each[0]
        and each[0] != "/api/schema"
    ]


def with_refusals(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:  # noqa: ARG001
    """Add to every call the refusals it may give, and to every write the Idempotency-Key."""
    components = result["components"]
    components["schemas"]["Error"] = ERROR
    components["responses"] = {_name(status): _refusal(status) for status in REFUSALS}
    for calls in result["paths"].values():
        for method, call in calls.items():
            call.setdefault("parameters", [])
            if method != "get":
                call["parameters"].append(IDEMPOTENCY_KEY)
            if "requestBody" in call:
                call["requestBody"]["required"] = method != "patch"
            for status in REFUSALS if method != "get" else READING:
                reference = {"$ref": f"#/components/responses/{_name(status)}"}
                call["responses"].setdefault(str(status), reference)
            if "ETag" in call["responses"].get("200", {}).get("headers", {}):
                call["responses"]["304"] = {"description": "What the client has is the newest."}
    return result


def _name(status: int) -> str:
    return f"Refused{status}"


def _refusal(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": REFUSALS[status],
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    if status in {429, 503}:
        answer["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}
        }
    return answer
