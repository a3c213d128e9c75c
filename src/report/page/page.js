(() => {
  const rows = [...document.querySelectorAll("#table tbody tr")];
  if (!rows.length) return;
  const [find, query, status, shown] = ["find", "q", "s", "shown"].map((id) => document.getElementById(id));
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const filter = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, at) => {
      const fits = (!status.value || row.dataset.status === status.value)
        && words.every((word) => texts[at].includes(word));
      row.hidden = !fits;
      count += fits;
    });
    shown.textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
  };
  query.addEventListener("input", filter);
  status.addEventListener("change", filter);
  find.hidden = false;
  filter();
})();
