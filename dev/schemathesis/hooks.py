"""Replaces what no JSON Schema can state in requests that are valid by their schema."""

import uuid
import zlib

import schemathesis

# What each value depends on.
CATEGORY = "books"  # the categories in the store
EMAIL = "someone-{}@example.com"  # the grammar of e-mail addresses


def _whole(amount):
    """An amount without decimals, which every currency has."""
    return float(int(amount)) if isinstance(amount, (int, float)) and not isinstance(amount, bool) else amount


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    query, body = case.query, case.body
    if case.headers and case.headers.get("Idempotency-Key") is not None:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())  # a key is for one request only
    if query:
        for cursor in ("after", "before"):  # only the store can make a cursor of the list
            query.pop(cursor, None)
        for price in ("minPrice", "maxPrice"):
            if price in query:
                query[price] = _whole(query[price])
        if "minPrice" not in query and "maxPrice" not in query:
            query.pop("currency", None)  # it is that of these prices
    if not isinstance(body, dict):
        return
    for price in ("price", "expectedTotal"):
        if price in body:
            body[price] = _whole(body[price])
    if body.get("category") is not None:
        body["category"] = CATEGORY
    if body.get("email") is not None:
        body["email"] = EMAIL.format(zlib.crc32(body["email"].encode()))
    if body.get("username") is not None:
        body["username"] = "someone" + str(zlib.crc32(body["username"].encode()))
    if case.operation.path == "/api/orders" and body.get("userId") is None:
        body["userId"] = 1  # required of callers without a token
    if body.get("lines") is not None:  # an order has lines, or one product
        body.pop("productId", None)
        body.pop("quantity", None)
    if isinstance(body.get("lines"), list):  # the units of a product in all lines together
        body["lines"] = list({line["productId"]: line for line in body["lines"]}.values())
