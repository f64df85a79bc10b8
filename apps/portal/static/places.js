document.addEventListener("change", (event) => {
  if (event.target.id !== "only-flood") return;
  document.querySelectorAll('.shelters li[data-flood="no"], .map .no-flood').forEach((one) => {
    one.toggleAttribute("hidden", event.target.checked);
  });
});
