// Refreshes a page in place: the keyboard focus and the browser's history stay as they are. Without it the page reloads.
(() => {
  const PARTS = ["status", "details", "checked", "updates"];
  const element = (id, page = document) => page.getElementById(id);
  const steps = () => element("card").dataset.steps;
  let refreshes = 0;
  let timer;

  function plan() {
    clearTimeout(timer);
    const seconds = steps().split(" ");
    if (steps()) timer = setTimeout(refresh, 1000 * seconds[Math.min(refreshes, seconds.length - 1)]);
  }

  function show(page) {
    const focused = document.activeElement.id;
    refreshes = element("card", page).dataset.steps === steps() ? refreshes + 1 : 0;
    for (const id of PARTS) {
      // Equal parts stay: a screen reader repeats what has been replaced.
      if (element(id).innerHTML !== element(id, page).innerHTML) {
        element(id).replaceChildren(...element(id, page).childNodes);
      }
    }
    element("card").className = element("card", page).className;
    element("card").dataset.steps = element("card", page).dataset.steps;
    document.title = page.title;
    if (focused && document.activeElement.id !== focused) {
      const heading = document.querySelector("h1");
      heading.tabIndex = -1;
      (element(focused) || heading).focus({ preventScroll: true });
    }
  }

  async function refresh() {
    try {
      const response = await fetch(location.href, { cache: "no-store", credentials: "omit" });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (element("card", page)) show(page);
    } catch {
      refreshes += 1; // without a network the page stays, and tries again
    }
    plan();
  }

  addEventListener("click", (event) => {
    if (event.target.id === "again" && steps() && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      refresh();
    }
  });
  plan();
})();
