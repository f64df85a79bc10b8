const told = document.getElementById("told");

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    told.textContent = document.body.dataset.copied;
    button.classList.add("copied");
    setTimeout(() => { told.textContent = ""; button.classList.remove("copied"); }, 2000);
  });
}
