// @ts-check
/** What a page gives its reader to take along: files, a link, and itself. */

// The browser reads a file after the click.
const READ_MS = 10_000;

/** @param {string} name @param {Uint8Array<ArrayBuffer>} data @param {string} type */
export function download(name, data, type) {
  const anchor = document.createElement("a");
  anchor.download = name;
  anchor.href = URL.createObjectURL(new Blob([data], { type }));
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), READ_MS);
}

/** Put the page's address into the reader's clipboard. @returns {Promise<string>} what to say of it */
export async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    return "The link is copied: it has the settings";
  } catch {
    // no permission, or no clipboard where the page is not served by https
    return "The page's address has the settings: copy it";
  }
}

/** Have a service worker keep the site for visits without a network. @param {string} url of its script */
export function keepSite(url) {
  // pages that may have none work as they are, with a network
  navigator.serviceWorker?.register(url).catch(() => {});
}
