"""The section `tenants`: who shares the service, and what each of them has (ADR-0101)."""

from collections.abc import Iterator, Sequence

from pydantic import Field

from app.integrations.config.fields import FilePath, Model, Name, Text, Whole, taken_names
from app.integrations.config.secret_loader import SecretLoader
from app.slo import DEFAULT_SOURCE, TENANT_LABEL, Tenant
from app.yamldoc.findings import FieldFinding, FieldPath


class TenantLimitsModel(Model):
    """How much of the service a tenant may take."""

    slos: Whole | None = None
    requests_per_minute: Whole | None = None


class TenantModel(Model):
    """One tenant."""

    name: Name
    documents: FilePath | None = None
    namespaces: tuple[Text, ...] = ()
    sources: tuple[Name, ...] = Field(default=(DEFAULT_SOURCE,), min_length=1)
    receivers: tuple[Name, ...] = Field(default=(), min_length=1)
    groups: tuple[Text, ...] = ()
    limits: TenantLimitsModel = Field(default_factory=TenantLimitsModel)


def resolve_tenants(models: Sequence[TenantModel], *, loader: SecretLoader) -> tuple[Tenant, ...]:
    """What the section says."""
    return tuple(
        Tenant(
            name=model.name,
            documents=None if model.documents is None else loader.path(model.documents),
            namespaces=model.namespaces,
            sources=model.sources,
            receivers=model.receivers,
            groups=model.groups,
            most_slos=model.limits.slos,
            requests_per_minute=model.limits.requests_per_minute,
        )
        for model in models
    )


def tenant_findings(
    models: Sequence[TenantModel], *, sources: Sequence[str], receivers: Sequence[str], loader: SecretLoader
) -> Iterator[FieldFinding]:
    """What is wrong with it; *sources* are those of the file, *receivers* all that there are."""
    yield from taken_names([model.name.casefold() for model in models], "tenants")
    for number, model in enumerate(models):
        at: FieldPath = ("tenants", number)
        yield from _documents_findings(model, models[:number], at, loader)
        known = [*sources, DEFAULT_SOURCE]
        for place, name in enumerate(model.sources):
            if name not in known:
                remedy = f"write one of {', '.join(dict.fromkeys(known))}, or add it to sources"
                yield FieldFinding((*at, "sources", place), f"there is no source {name}", remedy)
        for place, name in enumerate(model.receivers):
            if name not in receivers:
                remedy = f"write one of {', '.join(receivers)}" if receivers else "add it to receivers"
                yield FieldFinding((*at, "receivers", place), f"there is no receiver {name}", remedy)


def _documents_findings(
    model: TenantModel, before: Sequence[TenantModel], at: FieldPath, loader: SecretLoader
) -> Iterator[FieldFinding]:
    """What is wrong with where the documents of a tenant are; *before* are the tenants above it."""
    if model.documents is None and not model.namespaces:
        yield FieldFinding(
            (*at, "documents"), "is missing", "write the folder of its SLOs, or namespaces of Kubernetes"
        )
    for other in before:
        if model.documents is not None and other.documents is not None:
            own, folder = (loader.path(path).resolve() for path in (model.documents, other.documents))
            if own.is_relative_to(folder) or folder.is_relative_to(own):
                problem = f"is the folder of the tenant {other.name}, or in it, or holds it"
                yield FieldFinding((*at, "documents"), problem, "write a folder of its own")
        for place, name in enumerate(model.namespaces):
            if name in other.namespaces:
                problem = f"{name} is a namespace of the tenant {other.name}"
                yield FieldFinding((*at, "namespaces", place), problem, "write namespaces of its own")


def leak_findings(
    models: Sequence[TenantModel],
    *,
    fallbacks: Sequence[tuple[int, str, str]],
    reports: Sequence[tuple[int, Sequence[str], str | None]],
) -> Iterator[FieldFinding]:
    """What would send something of one tenant to a receiver of another.

    *fallbacks* are numbers and names of receivers with their fallbacks, *reports* numbers of reports with their
    receivers and the tenant in their labels.
    """
    owners: dict[str, set[str]] = {}
    for model in models:
        for name in model.receivers:
            owners.setdefault(name, set()).add(model.name)
    for number, receiver, fallback in fallbacks:
        if fallback in owners and not owners.get(receiver, {""}) <= owners[fallback]:
            problem = f"{fallback} is a receiver of the tenant {min(owners[fallback])}, which gets no alerts of others"
            yield FieldFinding(("receivers", number, "fallback"), problem, "write a receiver of the same tenant")
    for number, receivers, tenant in reports:
        for place, receiver in enumerate(receivers):
            if receiver in owners and tenant not in owners[receiver]:
                problem = f"{receiver} is a receiver of the tenant {min(owners[receiver])}"
                remedy = f"write labels: {{{TENANT_LABEL}: {min(owners[receiver])}}} for this report"
                yield FieldFinding(("reports", number, "receivers", place), problem, remedy)
