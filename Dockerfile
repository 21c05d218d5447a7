FROM python:3.13-slim-trixie AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/sloburn
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
# Dependencies change less often than the code: they have a layer of their own.
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-install-project
COPY README.md LICENSE ./
COPY app app
COPY demo demo
RUN uv sync --locked --no-dev --no-editable


FROM python:3.13-slim-trixie AS runtime
RUN groupadd --gid 10001 sloburn \
    && useradd --uid 10001 --gid sloburn --no-create-home --home-dir /data --shell /usr/sbin/nologin sloburn \
    && install --directory --owner=sloburn --group=sloburn /data \
    && install --directory /etc/sloburn/slos
COPY --from=build /opt/sloburn /opt/sloburn
ENV PATH=/opt/sloburn/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SLOBURN_DATABASE_URL=sqlite:////data/sloburn.db \
    SLOBURN_SPECS=/etc/sloburn/slos \
    SLOBURN_LISTEN_ADDRESS=0.0.0.0:9720
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 9720
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9720/-/healthy', timeout=4)"]
ENTRYPOINT ["sloburn"]
CMD ["serve"]


# Fills Prometheus's storage with the demo's month of history; it runs as Prometheus's own user.
FROM prom/prometheus:v3.5.0 AS prometheus
FROM runtime AS history
USER 0
COPY --from=prometheus /bin/promtool /usr/local/bin/promtool
RUN install --directory --owner=65534 --group=65534 /history /history/prometheus
USER 65534:65534
WORKDIR /history
HEALTHCHECK NONE


FROM runtime AS sloburn
