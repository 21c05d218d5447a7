# Images for several architectures: of each the build takes the one for `--platform`. Pin them by the digest of the index:
# --build-arg PYTHON=python:3.13-slim-trixie@sha256:...
ARG PYTHON=python:3.13-slim-trixie
ARG PROMETHEUS=prom/prometheus:v3.5.0

FROM ${PYTHON} AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/sloburn
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
# Dependencies change less often than the code: they have a layer of their own.
COPY pyproject.toml uv.lock ./
# With the driver of PostgreSQL, the exporter of traces and the protocol of assistants: settings decide what is used.
RUN uv sync --locked --no-dev --extra postgres --extra otel --extra mcp --extra jwt --extra aws --extra google --no-install-project
COPY README.md LICENSE hatch_build.py .npmrc package.json package-lock.json ./
COPY scripts/assets scripts/assets
COPY app app
# The documentation of the release, which the service has at /llms.txt and /docs/*.md.
COPY llms.txt ./
COPY docs docs
# What the pages load in a browser, unless the work tree has it already; npm comes from PyPI, for this step only.
RUN scripts/assets && uv sync --locked --no-dev --extra postgres --extra otel --extra mcp --extra jwt --extra aws --extra google --no-editable
COPY demo demo
COPY scripts/slim-image scripts/sbom scripts/
# The demo is not part of the package; the shop and the pager of docker-compose.yml run from this image.
RUN site=$(echo /opt/sloburn/lib/python3*/site-packages) \
    && cp -r demo "$site/demo" \
    && /opt/sloburn/bin/python -m compileall -q "$site/demo" \
    && scripts/slim-image "$site" \
    && mkdir -p /opt/sloburn/share \
    && scripts/sbom "$site" > /opt/sloburn/share/sbom.cdx.json \
    && /opt/sloburn/bin/python -c "import app.service, app.cli, demo.stack"


FROM ${PYTHON} AS runtime
LABEL org.opencontainers.image.title="Sloburn" \
      org.opencontainers.image.description="SLO error budgets over Prometheus" \
      org.opencontainers.image.licenses="Apache-2.0"
# Group 0, writable: clusters such as OpenShift run containers with an arbitrary UID in that group.
RUN useradd --uid 10001 --gid 0 --no-create-home --home-dir /data --shell /usr/sbin/nologin sloburn \
    && install --directory --owner=10001 --group=0 --mode=0770 /data \
    && install --directory /etc/sloburn/slos
COPY --from=build /opt/sloburn /opt/sloburn
# Named by SLOBURN_CONFIG, so it must exist; without receivers. A file mounted over it is used, or refused with its errors.
COPY config/sloburn.yaml /etc/sloburn/sloburn.yaml
ENV PATH=/opt/sloburn/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SLOBURN_DATABASE_URL=sqlite:////data/sloburn.db \
    SLOBURN_SPECS=/etc/sloburn/slos \
    SLOBURN_CONFIG=/etc/sloburn/sloburn.yaml \
    SLOBURN_LISTEN_ADDRESS=0.0.0.0:9720
# By number, so that Kubernetes can see that it is not root.
USER 10001:0
WORKDIR /data
EXPOSE 9720
# Images in the OCI format, the default of buildah and podman, have no health check: build with --format docker there.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "app.healthcheck"]
ENTRYPOINT ["sloburn"]
CMD ["serve"]


# Imports the month of history into Prometheus's storage; it runs as Prometheus's own user.
FROM ${PROMETHEUS} AS prometheus
FROM runtime AS history
USER 0
COPY --from=prometheus /bin/promtool /usr/local/bin/promtool
RUN install --directory --owner=65534 --group=65534 /history /history/prometheus
USER 65534:65534
WORKDIR /history
HEALTHCHECK NONE


FROM runtime AS sloburn
