/** The dialog that asks for the service's token. */

import { ServiceError, signIn } from "./api";
import { element } from "./element";

let pending: Promise<void> | null = null;

/** Ask until the service accepts a token; concurrent callers share one dialog. */
export function askForToken(): Promise<void> {
  pending ??= openDialog().finally(() => (pending = null));
  return pending;
}

function openDialog(): Promise<void> {
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
              refused.textContent = error instanceof ServiceError ? error.sentence : String(error);
              field.select();
              return;
            }
            dialog.close();
            dialog.remove();
            resolve();
          },
        },
        element("h2", { id: "token-title" }, "Token"),
        element("p", { class: "help", id: "token-help" }, "Enter the token with which this service was started."),
        element("label", { for: "token" }, "Token"),
        field,
        refused,
        element("div", { class: "actions" }, element("button", { type: "submit", class: "primary" }, "Sign In")),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
