(() => {
  const PAGE = 50;
  const rows = [...document.querySelectorAll("#table tbody tr")];
  if (!rows.length) return;
  const [find, query, status, shown, holder, pages, back, on] =
    ["find", "q", "s", "shown", "table", "pages", "back", "on"].map((id) => document.getElementById(id));
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const table = holder.querySelector("table");
  const body = table.tBodies[0];
  const words = (count) => count.toLocaleString("en");
  let found = rows;
  let at = 0;
  const show = () => {
    const part = found.slice(at, at + PAGE);
    body.replaceChildren(...part);
    table.hidden = !part.length;
    const all = found.length < rows.length ? `${words(found.length)} found, of ${words(rows.length)} rows`
      : `${words(rows.length)} rows`;
    shown.textContent = part.length ? `${words(at + 1)} to ${words(at + part.length)} of ${all}` : all;
    pages.hidden = found.length <= PAGE;
    back.disabled = at === 0;
    on.disabled = at + PAGE >= found.length;
  };
  const filter = () => {
    const wanted = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = rows.filter((row, index) => (!status.value || row.dataset.status === status.value)
      && wanted.every((word) => texts[index].includes(word)));
    at = 0;
    show();
  };
  const turn = (by) => {
    at += by;
    show();
    find.scrollIntoView();
  };
  query.addEventListener("input", filter);
  status.addEventListener("change", filter);
  back.addEventListener("click", () => turn(-PAGE));
  on.addEventListener("click", () => turn(PAGE));
  holder.replaceChildren(table.parentElement);
  find.hidden = false;
  show();
})();
