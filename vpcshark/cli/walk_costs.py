"""What a GB costs on the way of a walk: its tolls, with today's prices. Must not know how a toll is found."""

from __future__ import annotations

from typing import Any

from vpcshark.aws import prices
from vpcshark.network import answer as answers
from vpcshark.network.answer import Answer
from vpcshark.network.tolls import REGION, ZONE, Toll

WAYS = {"forward": "there", "return": "back"}


def as_json(found: Answer) -> dict[str, Any]:
    """For scripts: USD for a GB each way, and what they are for."""
    ways = {
        direction: {"usd_per_gb": _sum(tolls), "parts": [_part(toll) for toll in tolls]}
        for direction, tolls in answers.charged(found)
    }
    return {"read": prices.READ, **ways}


def words(found: Answer) -> str:
    """``A GB costs 0.02 USD there (transit gateway tgw-1), nothing back; us-east-1 list prices of 2026-09-20.``"""
    said = [f"{_usd(_sum(tolls))} {WAYS[way]}" + _named(tolls) for way, tolls in answers.charged(found)]
    return f"A GB costs {', '.join(said)}: us-east-1 list prices of {prices.READ}, without what is charged by the hour."


def _sum(tolls: list[Toll]) -> float:
    return round(sum(prices.GB_USD[each.kind] for each in tolls), 4)


def _usd(amount: float) -> str:
    return f"{amount:g} USD" if amount else "nothing"


def _part(toll: Toll) -> dict[str, Any]:
    return {"kind": toll.kind, "resource": toll.resource, "usd_per_gb": prices.GB_USD[toll.kind]}


def _named(tolls: list[Toll]) -> str:
    """In brackets what the price is made of."""
    said = [f"{toll.kind.replace('-', ' ')} {toll.resource}" for toll in tolls]
    crossed = [f"{toll.kind} {toll.resource}" for toll in tolls if toll.kind in (ZONE, REGION)]
    named = [each for each in said if each not in crossed] + crossed
    return f" ({', '.join(named)})" if named else ""
