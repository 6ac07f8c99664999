import { expect, it } from "vitest";
import { podcastShow } from "../support/podcast-shows.ts";
import { startPodcastServices } from "../support/start-podcast-services.ts";

it("serves the podcast doubles over HTTP, from the token to the media", async () => {
  const show = podcastShow(3);
  const media = new TextEncoder().encode("twelve bytes");
  const { services, url, host, close } = await startPodcastServices([show], media);
  expect(url).toBe(`http://${host}`);
  const { SPOTIFY_API_URL, SPOTIFY_ACCOUNTS_URL, ITUNES_SEARCH_URL } = services.variables;
  const id = `${services.spotify.clientId}:${services.spotify.clientSecret}`;
  const token = await fetch(`${SPOTIFY_ACCOUNTS_URL}/api/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(id)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  const { access_token } = (await token.json()) as { access_token: string };
  const page = await fetch(`${SPOTIFY_API_URL}/v1/shows/${show.id}/episodes?limit=2`, {
    headers: { authorization: `Bearer ${access_token}` },
  });
  expect(await page.json()).toMatchObject({ total: 3, limit: 2, previous: null, items: [{}, {}] });
  const found = await fetch(`${ITUNES_SEARCH_URL}/search?${new URLSearchParams({ term: show.name })}`);
  const { results } = (await found.json()) as { results: { feedUrl: string }[] };
  const feed = await (await fetch(results[0]?.feedUrl ?? "")).text();
  const address = /<enclosure url="([^"]+)"/.exec(feed)?.[1]?.replaceAll("&amp;", "&") ?? "";
  const part = await fetch(address, { headers: { range: "bytes=7-" } });
  expect([part.status, await part.text()]).toEqual([206, "bytes"]);
  await close();
});
