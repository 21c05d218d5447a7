"""`sloburn policy`: error budget policies as pages for people."""

from app.cli.console import OutputFile, errors, write_result
from app.cli.documents import Paths, sound_documents
from app.policy import DEFAULT_POLICY, policy_for_slo, policy_page


def policy(paths: Paths, *, output: OutputFile = None) -> None:
    """Write error budget policies out as pages.

    PATH is a file with SLO documents or policies, or a folder of such files. Each policy is printed as a page in
    Markdown: its states, what each means for changes, rules, exceptions, postmortems, owners. The default policy is
    printed too, where an SLO has no other one.

    Example: sloburn policy config/slos > policy.md
    """
    loaded = sound_documents(paths)
    policies = list(loaded.policies)
    own = (policy_for_slo(policies, slo=slo.id, service=slo.service, labels=slo.labels) for slo in loaded.slos)
    if any(one is DEFAULT_POLICY for one in own):
        policies.append(DEFAULT_POLICY)
    if not policies:
        errors().print("there is no policy, and no SLO")
    write_result("\n".join(map(policy_page, policies)), output)
