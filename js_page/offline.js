// @ts-check
/**
 * The service worker of a site that works without a network: `hosting/offline.py` puts the list of its files before this.
 *
 * A visit is served from one version of all files. A newer one is fetched beside it, checked by its hashes, and takes over
 * once no page of the old one is open.
 */

import { addPlugins, cleanupOutdatedCaches, precacheAndRoute } from "workbox-precaching";

// What the page has just loaded is not loaded once more: the hashes tell whether it is what it should be.
addPlugins([{ requestWillFetch: async ({ request }) => new Request(request, { cache: "default" }) }]);
cleanupOutdatedCaches();
precacheAndRoute(/** @type {any} */ (self).weblayersFiles, { ignoreURLParametersMatching: [/./] });
