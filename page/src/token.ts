/** The question for the service's token. */

import { Refusal, signIn } from "./api";
import { element } from "./element";

let asking: Promise<void> | null = null;

/** Ask until the service takes a token; what waits meanwhile shares one question. */
export function askForToken(): Promise<void> {
  asking ??= question().finally(() => (asking = null));
  return asking;
}

function question(): Promise<void> {
  return new Promise((resolve) => {
    const field = element("input", {
      type: "password",
      id: "token",
      autocomplete: "current-password",
      required: true,
      "aria-describedby": "token-help token-refused",
    });
    const refused = element("p", { class: "wrong", id: "token-refused", role: "alert" });
    const dialog = element(
      "dialog",
      { "aria-labelledby": "token-title", oncancel: (event) => event.preventDefault() },
      element(
        "form",
        {
          onsubmit: async (event) => {
            event.preventDefault();
            refused.textContent = "";
            try {
              await signIn(field.value);
            } catch (error) {
              refused.textContent = error instanceof Refusal ? error.sentence : String(error);
              field.select();
              return;
            }
            dialog.close();
            dialog.remove();
            resolve();
          },
        },
        element("h2", { id: "token-title" }, "Token"),
        element("p", { class: "help", id: "token-help" }, "This service wants the token that it was started with."),
        element("label", { for: "token" }, "Token"),
        field,
        refused,
        element("div", { class: "actions" }, element("button", { type: "submit", class: "primary" }, "Go on")),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
