"""Documents of tenants: each folder is read by itself, and all that it names becomes the tenant's (ADR-0101)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from glob import escape
from pathlib import Path
from types import MappingProxyType

from app.documents.dialect import Defaults, PlacedSlo
from app.documents.files import files_outside, is_below, namespace_of
from app.documents.lint.comments import Ignored
from app.documents.load import DocumentSet, LoadResult, digest, load_documents, read_documents, result_of
from app.policy import BudgetPolicy
from app.sli import Composite, Part, sources_of_sli
from app.slo import (
    DEFAULT_SOURCE,
    TENANT_LABEL,
    Sli,
    Slo,
    SloId,
    SourceKind,
    Tenant,
    in_tenant,
    tenant_of,
    with_tenant_label,
)
from app.yamldoc.findings import ErrorFinding, Findings, Place

_NO_OBJECTS: Mapping[Path, str] = MappingProxyType({})
TENANT_LIMIT = "tenant_limit"
"""The code of a folder, or of an object, with more SLOs than its tenant may have."""


def load_all_documents(
    path: Path | None, tenants: Sequence[Tenant], *, defaults: Defaults, objects: Mapping[Path, str] = _NO_OBJECTS
) -> LoadResult:
    """The documents of the service at *path* and in *objects*, and those of all *tenants*.

    Where there are tenants, the service itself need not have any, and its folder may hold theirs.
    """
    own = [path] if path is not None and (path.exists() or not tenants) else []
    folders = [path for tenant in tenants for path in tenant.paths]
    return load_paths([*own, *folders], tenants, defaults=defaults, objects=objects)


def load_paths(
    paths: Sequence[Path], tenants: Sequence[Tenant], *, defaults: Defaults, objects: Mapping[Path, str] = _NO_OBJECTS
) -> LoadResult:
    """The documents at some paths and in *objects*, each as one of the tenant whose folder or namespace it is in."""
    if not tenants:
        return load_documents(*paths, defaults=defaults, objects=objects)
    folders = [path for tenant in tenants for path in tenant.paths]
    results = []
    # Once for all tenants: to resolve a path asks the disk.
    own, outside = files_outside(paths, folders), set(files_outside(folders, paths))
    owners = {namespace: tenant.name for tenant in tenants for namespace in tenant.namespaces}
    objects_of: dict[str, dict[Path, str]] = {}
    for file, text in objects.items():
        objects_of.setdefault(owners.get(namespace_of(str(file)), ""), {})[file] = text
    others = objects_of.get("", _NO_OBJECTS)
    if own or others:
        found = read_documents(*own, defaults=defaults, without=folders, objects=others)
        _refuse_names_of(found, {tenant.name for tenant in tenants})
        results.append(result_of(found))
    for tenant in tenants:
        whole = [folder for folder in tenant.paths if folder not in outside]
        some = whole or [path for path in paths if is_below(path, tenant.paths)]
        mine = objects_of.get(tenant.name, _NO_OBJECTS)
        if some or mine:
            results.append(_load_tenant(tenant, some, defaults=defaults, objects=mine))
    return joined(results)


def _load_tenant(
    tenant: Tenant, paths: Sequence[Path], *, defaults: Defaults, objects: Mapping[Path, str]
) -> LoadResult:
    """The documents of one tenant that are at some *paths* and in *objects*."""
    kinds = defaults.sources
    given = replace(
        defaults,
        sources=None if kinds is None else {name: kinds.get(name, SourceKind.PROMETHEUS) for name in tenant.sources},
        source=tenant.sources[0] if len(tenant.sources) == 1 else DEFAULT_SOURCE,
    )
    found = read_documents(*paths, defaults=given, objects=objects)
    for placed in found.placed:
        _refuse_label(placed, found.findings)
    _refuse_too_many(found, tenant, objects)
    placed_slos = tuple(replace(placed, slo=_of_tenant(placed.slo, tenant.name)) for placed in found.placed)
    policies = tuple(_policy_of_tenant(policy, tenant.name) for policy in found.policies)
    return result_of(replace(found, placed=placed_slos, policies=policies))


def _refuse_too_many(found: DocumentSet, tenant: Tenant, objects: Mapping[Path, str]) -> None:
    """Note what has more SLOs than the tenant may have: its folder, or each of its *objects* beyond the limit."""
    if tenant.most_slos is None:
        return
    remedy = f"remove SLOs, or raise limits.slos of {tenant.name} in the configuration"
    in_files = sum(placed.place.file not in objects for placed in found.placed)
    if in_files > tenant.most_slos:
        problem = f"holds {in_files:,} SLOs, and the tenant {tenant.name} may have {tenant.most_slos:,}"
        for folder in tenant.paths:
            found.findings.error(Place(file=folder), problem, remedy, code=TENANT_LIMIT)
    # By object and without their number, so that none of them is refused for what another has; new objects are last.
    too_many = dict.fromkeys(one.place.file for one in found.placed[tenant.most_slos :] if one.place.file in objects)
    for file in too_many:
        problem = f"has SLOs beyond the {tenant.most_slos:,} that the tenant {tenant.name} may have"
        found.findings.error(Place(file=file), problem, remedy, code=TENANT_LIMIT)


def joined(results: Iterable[LoadResult]) -> LoadResult:
    """Several results as one; no two of them name the same SLO."""
    every = list(results)
    slos = tuple(slo for one in every for slo in one.slos)
    return LoadResult(
        slos=slos,
        errors=tuple(error for one in every for error in one.errors),
        warnings=tuple(warning for one in every for warning in one.warnings),
        files=tuple(file for one in every for file in one.files),
        places={slo: place for one in every for slo, place in one.places.items()},
        digest=digest(slos),
        ignored=Ignored({file: spans for one in every for file, spans in one.ignored.files.items()}),
        policies=tuple(policy for one in every for policy in one.policies),
    )


def keeping_unsound(
    found: LoadResult, active: LoadResult, tenants: Sequence[Tenant]
) -> tuple[LoadResult, tuple[ErrorFinding, ...]]:
    """What was *found*, with the *active* documents of each tenant whose new ones have errors, and these errors.

    So no tenant keeps the others from reloading theirs.
    """
    errors, kept = list(found.errors), list[LoadResult]()
    unsound: list[ErrorFinding] = []
    for tenant in tenants:
        own = [error for error in errors if _is_of(tenant, error.file)]
        part = _part_of(active, tenant)
        # Without a source that it is counted from an SLO cannot stay as it is.
        can_stay = all(source in tenant.sources for slo in part.slos for source in sources_of_sli(slo.sli))
        if own and can_stay:
            kept.append(part)
            unsound += own
            errors = [error for error in errors if error not in own]
            found = _without(found, tenant)
    return joined([replace(found, errors=tuple(errors)), *kept]), tuple(unsound)


def _is_of(tenant: Tenant, file: Path) -> bool:
    """Whether a file, or an object by its name, has documents of a tenant."""
    return namespace_of(str(file)) in tenant.namespaces or is_below(file, tenant.paths)


def _part_of(loaded: LoadResult, tenant: Tenant) -> LoadResult:
    """What a result has of one tenant; without findings."""
    slos = tuple(slo for slo in loaded.slos if slo.tenant == tenant.name)
    places = {slo.id: loaded.places[slo.id] for slo in slos if slo.id in loaded.places}
    return replace(
        loaded,
        slos=slos,
        errors=(),
        warnings=(),
        files=tuple(dict.fromkeys(place.file for place in places.values())),
        places=places,
        policies=tuple(policy for policy in loaded.policies if tenant_of(policy.name) == tenant.name),
    )


def _without(loaded: LoadResult, tenant: Tenant) -> LoadResult:
    """A result without the SLOs and policies of one tenant."""
    return replace(
        loaded,
        slos=tuple(slo for slo in loaded.slos if slo.tenant != tenant.name),
        places={slo: place for slo, place in loaded.places.items() if tenant_of(slo) != tenant.name},
        policies=tuple(policy for policy in loaded.policies if tenant_of(policy.name) != tenant.name),
    )


def _refuse_names_of(found: DocumentSet, tenants: set[str]) -> None:
    """Note the SLOs outside of all tenants that would be taken for one of a tenant, by routes and adjustments, too."""
    for placed in found.placed:
        for name in (placed.slo.id, placed.slo.service):
            if tenant_of(name) in tenants:
                problem = f"{name} is a name of the tenant {tenant_of(name)}"
                found.findings.error(placed.place, problem, "write a name without a slash", field=placed.field)
        given = {value for name, value in _labels(placed.slo) if name == TENANT_LABEL}
        if given & tenants or TENANT_LABEL in placed.slo.sli.by:
            _say_label(placed, found.findings)


def _refuse_label(placed: PlacedSlo, findings: Findings) -> None:
    """Note an SLO that sets the label of tenants itself: routes and adjustments rely on it."""
    given = {name for name, _ in _labels(placed.slo)}
    if TENANT_LABEL in given | {*placed.slo.sli.by}:
        _say_label(placed, findings)


def _say_label(placed: PlacedSlo, findings: Findings) -> None:
    problem = f"the label {TENANT_LABEL} is set by the service"
    findings.error(placed.place, problem, "write another name", field=placed.field)


def _labels(slo: Slo) -> Iterator[tuple[str, str]]:
    """The labels that an SLO and its alerts are given."""
    for labels in (slo.labels, slo.alerting.labels, *(policy.labels for policy in slo.alerting.policies)):
        yield from labels


def _of_tenant(slo: Slo, tenant: str) -> Slo:
    return replace(
        slo,
        id=SloId(in_tenant(tenant, slo.id)),
        service=in_tenant(tenant, slo.service),
        labels=with_tenant_label(slo.labels, tenant),
        sli=_sli_of_tenant(slo.sli, tenant),
        tenant=tenant,
    )


def _sli_of_tenant(sli: Sli, tenant: str) -> Sli:
    """A composite names its components, all others name no SLOs."""
    if not isinstance(sli, Composite):
        return sli
    return sli.with_parts(tuple(_part_of_tenant(part, tenant) for part in sli.parts))


def _part_of_tenant(part: Part, tenant: str) -> Part:
    own = None if part.sli is None else _sli_of_tenant(part.sli, tenant)
    return replace(part, slo=SloId(in_tenant(tenant, part.slo)), sli=own)


def _policy_of_tenant(policy: BudgetPolicy, tenant: str) -> BudgetPolicy:
    """A policy for SLOs of the tenant only, also where its patterns match others."""
    prefix = escape(in_tenant(tenant, ""))
    return replace(
        policy,
        name=in_tenant(tenant, policy.name),
        services=tuple(prefix + pattern for pattern in policy.services or ("*",)),
        slos=tuple(prefix + pattern for pattern in policy.slos),
    )
