"use strict";

// The key goes out once, as a header; what comes back is a cookie that opens these pages only.
document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = document.getElementById("told");
  told.textContent = "";
  try {
    const answer = await fetch("/ui/login", { headers: { "x-api-key": document.getElementById("key").value } });
    if (answer.ok) {
      location.reload();
      return;
    }
    const body = await answer.json();
    told.textContent = body.error ? body.error.message : `The proxy answered ${answer.status}.`;
  } catch {
    told.textContent = "The proxy can't be reached, or the key has characters no header can carry.";
  }
});
