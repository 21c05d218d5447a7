// Buttons that copy the text of another element: <button data-copy="#id">.

const show = () => {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
};
show();
// A refreshed page has them hidden again.
document.addEventListener("htmx:after:swap", show);

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.value);
    button.textContent = "Copied";
  } catch {
    // Without TLS there is no clipboard: the reader copies what is selected.
    source.select();
    button.textContent = "Selected: copy it with your keyboard";
  }
});
