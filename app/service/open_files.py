"""How many files the process may have open: the database, and connections to readers, receivers and Prometheus."""

import resource

# Far above the connections and files that there can be; a hard limit may be a billion, which nothing needs.
_ENOUGH = 65_536


def allow_open_files() -> int:
    """Raise the limit on open files as far as the process may by itself; how many it may open now.

    Many systems start services with 1,024, for the sake of programs that use `select`, and allow more on request.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
        return wanted
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft
