// On a phone sections behind the answer are folded at first; a link into one unfolds it.

const sections = document.querySelectorAll("details.fold");
const named = () => location.hash && document.getElementById(location.hash.slice(1))?.closest("details.fold");
if (matchMedia("(max-width: 48rem)").matches) for (const section of sections) section.open = section === named();

window.addEventListener("hashchange", () => {
  const section = named();
  if (section) section.open = true;
});
