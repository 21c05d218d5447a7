// What a reader asked for last is what is shown, and what is shown is what the address names.
//
// Requests that replace #main share one queue (`hx-sync` in the templates): a link, a form or "back" aborts what is under
// way, and a refresh waits until it is answered. Here is what attributes cannot say.

const here = () => location.pathname + location.search;
const isOfPage = ({ target }) => target?.id === "main";
// The address of the page that is shown: it differs from `here()` while "back" is under way.
let shown = here();

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  // What restores a page of the history cannot be aborted by others: htmx gives it no `abort`.
  if (ctx.request.abort) return;
  const own = new AbortController();
  ctx.request.signal.addEventListener("abort", () => own.abort());
  ctx.request.abort = (reason) => own.abort(reason);
  ctx.request.signal = own.signal;
});

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  // A refresh that waited was made for an address that may be left by now.
  if (ctx.sourceElement.id === "main") ctx.request.action = here();
  ctx.askedFrom = here();
});

document.addEventListener("htmx:before:swap", (event) => {
  const { ctx, tasks } = event.detail;
  const isLeft = isOfPage(ctx) && ctx.askedFrom !== here();
  // An answer of something else than Sloburn, such as the error of a proxy, would leave nothing.
  const isForeign = Boolean(ctx.select) && !tasks[0]?.fragment.childElementCount;
  if (isLeft || isForeign) event.preventDefault();
  if (isForeign) document.dispatchEvent(new CustomEvent("htmx:error", { detail: { ctx } }));
});

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (!isOfPage(ctx)) return;
  shown = here();
  // A link changes the filters: what was chosen or typed before, and never sent, is not part of its address.
  if (ctx.push) for (const form of document.querySelectorAll("form[hx-get]")) form.reset();
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (!ctx) return;
  if (!isOfPage(ctx)) {
    // A part of the page that is asked for once: again after the next evaluation.
    document.body.addEventListener("evaluated", () => window.htmx.trigger(ctx.sourceElement, "intersect"), { once: true });
  } else if (shown !== here()) {
    // The address has gone back and its page was not answered: the browser shows that as it does everywhere.
    location.reload();
  }
});
