"""Services: how a replica works on requests, what it sustains, and what its users were promised."""

from sim.serving.answers import Answers, Measure, Slo
from sim.serving.llm import LlmService, Routing, Table
from sim.serving.single import Batching, Priority, SingleService

__all__ = [
    "Answers",
    "Batching",
    "LlmService",
    "Measure",
    "Priority",
    "Routing",
    "Service",
    "SingleService",
    "Slo",
    "Table",
]

Service = SingleService | LlmService
