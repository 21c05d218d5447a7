"""What an `http_config` means: login, headers, TLS and proxy of one receiver."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from app.http import LOOPBACK, environment_proxies, is_header_name, is_header_value, is_settable_header
from app.http.request_options import HttpOptions, Login, ProxyOptions, TlsOptions, is_proxy_url
from app.http.secrets import FixedSecret, PlainValue, Secret
from app.integrations.config.fields import HeaderModel, HttpModel, ProxyModel, TlsModel
from app.integrations.config.secret_loader import SecretLoader
from app.yamldoc.findings import FieldPath

_PROXY_REMEDY = "write something like http://proxy.example.org:3128"


@dataclass(frozen=True, slots=True)
class HttpReader:
    """Reads the parts of the file about HTTP; *proxy* is the default."""

    loader: SecretLoader
    proxy: ProxyOptions

    def proxy_of(self, model: ProxyModel, at: FieldPath) -> ProxyOptions:
        """The proxy that is named, or that of the environment where that is asked for, or that of all."""
        url = self.proxy_url(model.proxy_url, model.proxy_url_file, model.proxy_url_env, at)
        if url is not None and model.proxy_from_environment:
            self.loader.add_finding((*at, "proxy_from_environment"), "excludes proxy_url", "write one of them")
        if url is not None:
            return ProxyOptions(http=url, https=url, no_proxy=model.no_proxy)
        if not model.proxy_from_environment:
            return replace(self.proxy, no_proxy=(*self.proxy.no_proxy, *model.no_proxy))
        http, https, no_proxy = environment_proxies(self.loader.environment)
        if not all(is_proxy_url(found) for found in (http, https) if found is not None):
            problem = "the environment names a proxy that cannot be used"
            self.loader.add_finding((*at, "proxy_from_environment"), problem, _PROXY_REMEDY)
        return ProxyOptions(
            http=None if http is None else FixedSecret(http),
            https=None if https is None else FixedSecret(https),
            no_proxy=(*no_proxy, *model.no_proxy, *LOOPBACK),
        )

    def proxy_url(self, url: str | None, file: Path | None, env: str | None, at: FieldPath) -> Secret | None:
        """The URL of a proxy in one of its forms; None where there is none."""
        if url is None and file is None and env is None:
            return None
        if sum(one is not None for one in (url, file, env)) > 1:
            self.loader.add_finding((*at, "proxy_url"), "is given twice", "write one of its forms")
            return None
        secret = FixedSecret(url) if url is not None else self.loader.secret(file, env, at, "proxy_url")
        value = None if secret is None else secret.known()
        if value is not None and not is_proxy_url(value):
            self.loader.add_finding((*at, "proxy_url"), "is not a URL of a proxy", _PROXY_REMEDY)
        return secret

    def options(self, model: HttpModel | None, at: FieldPath) -> HttpOptions:
        """The options of an `http_config`."""
        if model is None:
            return HttpOptions(proxy=self.proxy)
        return HttpOptions(
            login=self._login(model, at),
            headers=self.headers(model.headers, (*at, "headers")),
            tls=self._tls(model.tls_config, (*at, "tls_config")),
            proxy=self.proxy_of(model, at),
        )

    def _login(self, model: HttpModel, at: FieldPath) -> Login | None:
        basic, token = model.basic_auth, model.authorization
        if basic is not None and token is not None:
            self.loader.add_finding((*at, "authorization"), "excludes basic_auth", "write one of them")
            return None
        if basic is not None:
            at = (*at, "basic_auth")
            password = self.loader.secret(basic.password_file, basic.password_env, at, "password")
            return None if password is None else Login(username=basic.username, secret=password)
        if token is None:
            return None
        at = (*at, "authorization")
        if not is_header_name(token.type) or token.type.lower() == "basic":
            remedy = "write Bearer, or basic_auth with a username and a password_file"
            self.loader.add_finding((*at, "type"), f"{token.type!r} is not a scheme of authorization", remedy)
        credentials = self.loader.secret(token.credentials_file, token.credentials_env, at, "credentials")
        self.sendable(credentials, at)
        return None if credentials is None else Login(secret=credentials, scheme=token.type)

    def _tls(self, model: TlsModel, at: FieldPath) -> TlsOptions:
        given = {"ca_file": model.ca_file, "cert_file": model.cert_file, "key_file": model.key_file}
        files = {name: None if path is None else self.loader.path(path) for name, path in given.items()}
        options = TlsOptions(
            ca_file=files["ca_file"],
            cert_file=files["cert_file"],
            key_file=files["key_file"],
            server_name=model.server_name,
            insecure_skip_verify=model.insecure_skip_verify,
        )
        if options.key_file is not None and options.cert_file is None:
            self.loader.add_finding(
                (*at, "cert_file"), "is missing beside key_file", "write the path of the certificate"
            )
            return options
        # Tried here, so that `sloburn check` finds what would else fail with the first message.
        try:
            options.apply(ssl.create_default_context())
        except OSError as error:
            problem = f"its files cannot be used: {error.strerror or error}"
            self.loader.add_finding(at, problem, "write paths of PEM files, the key without a passphrase")
        return options

    def headers(self, model: Mapping[str, HeaderModel], at: FieldPath) -> dict[str, Secret]:
        """Headers by their names."""
        found = {name: self._header(name, one, (*at, name)) for name, one in model.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _header(self, name: str, model: HeaderModel, at: FieldPath) -> Secret | None:
        secret: Secret | None
        if model.value is None:
            secret = self.loader.secret(model.file, model.env, at, "", forms=("file", "env"))
        else:
            secret = PlainValue(model.value)
            if model.file is not None or model.env is not None:
                self.loader.add_finding(at, "is given twice", "write one of value, file and env")
        if not is_header_name(name):
            self.loader.add_finding(
                at, "is not the name of a header", "write letters, digits and `-`, such as X-Api-Key"
            )
        elif not is_settable_header(name):
            self.loader.add_finding(at, "is set for every request", "leave it out")
        return self.sendable(secret, at)

    def sendable(self, secret: Secret | None, at: FieldPath) -> Secret | None:
        """The secret, if it can be sent in a header."""
        value = None if secret is None else secret.known()
        if value is not None and not is_header_value(value):
            self.loader.add_finding(at, "holds a value that no header can have", "write printable ASCII only")
        return secret
