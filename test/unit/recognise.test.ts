import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recognise } from "../../worker/services/sources/listing/recognise.ts";

const SHOW = "7iQXmUT7XGuZSzAMjoNWlX";
const LIST = "PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf";
const UC = "UCBR8-60-B28hp2BmDPdntcQ";
const show = { type: "spotify_show", id: SHOW };
const episode = { type: "spotify_episode", id: SHOW };
const media = { type: "media" };
const playlist = (path: string) => ({ type: "playlist", url: `https://www.youtube.com${path}` });

describe("recognise", () => {
  it.each([
    [`https://open.spotify.com/show/${SHOW}`, show],
    [`http://open.spotify.com/show/${SHOW}/`, show],
    [`https://OPEN.spotify.com/show/${SHOW}?si=abc#top`, show],
    [`https://open.spotify.com/intl-de/show/${SHOW}`, show],
    [`https://open.spotify.com/intl-pt-br/show/${SHOW}`, show],
    [`https://open.spotify.com/embed/show/${SHOW}/video`, show],
    [`https://open.spotify.com/embed-podcast/show/${SHOW}`, show],
    [`https://open.spotify.com/episode/${SHOW}`, episode],
    [`https://open.spotify.com/intl-fr/embed/episode/${SHOW}?t=5`, episode],
    [`https://open.spotify.com/track/${SHOW}`, media],
    [`https://open.spotify.com/playlist/${SHOW}`, media],
    ["https://open.spotify.com/show/short", media],
    [`https://open.spotify.com/show/${SHOW}x`, media],

    [`https://www.youtube.com/playlist?list=${LIST}`, playlist(`/playlist?list=${LIST}`)],
    [`https://m.youtube.com/playlist?list=${LIST}&si=x`, playlist(`/playlist?list=${LIST}`)],
    ["https://music.youtube.com/playlist?list=OLAK5uy_abc", playlist("/playlist?list=OLAK5uy_abc")],
    [`https://youtube.com/watch?v=dQw4w9WgXcQ&list=${LIST}&index=3`, playlist(`/playlist?list=${LIST}`)],
    [`https://www.youtube.com/watch?list=${LIST}`, playlist(`/playlist?list=${LIST}`)],
    [`https://youtu.be/dQw4w9WgXcQ?list=${LIST}`, playlist(`/playlist?list=${LIST}`)],
    [`https://www.youtube-nocookie.com/embed/videoseries?list=${LIST}`, playlist(`/playlist?list=${LIST}`)],
    [
      "https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=RDdQw4w9WgXcQ&start_radio=1",
      playlist("/watch?v=dQw4w9WgXcQ&list=RDdQw4w9WgXcQ"),
    ],
    [
      "https://www.youtube.com/playlist?list=RDdQw4w9WgXcQ",
      playlist("/watch?v=dQw4w9WgXcQ&list=RDdQw4w9WgXcQ"),
    ],
    [
      "https://www.youtube.com/playlist?list=RDCLAK5uy_abcdefghijk",
      playlist("/playlist?list=RDCLAK5uy_abcdefghijk"),
    ],
    ["https://www.youtube.com/@handle", playlist("/@handle")],
    ["https://www.youtube.com/@handle/", playlist("/@handle")],
    ["https://www.youtube.com/@handle/featured", playlist("/@handle")],
    ["https://www.youtube.com/@handle/videos?view=0", playlist("/@handle/videos")],
    ["https://m.youtube.com/@handle/shorts", playlist("/@handle/shorts")],
    ["https://www.youtube.com/@%E3%81%82/streams", playlist("/@%E3%81%82/streams")],
    [`https://www.youtube.com/channel/${UC}`, playlist(`/channel/${UC}`)],
    ["https://www.youtube.com/c/Name/videos", playlist("/c/Name/videos")],
    ["https://www.youtube.com/user/Name", playlist("/user/Name")],
    ["https://www.youtube.com/@handle/live", media],
    [`https://www.youtube.com/channel/${UC}/live`, media],
    ["https://www.youtube.com/watch?v=dQw4w9WgXcQ", media],
    ["https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=", media],
    ["https://youtu.be/dQw4w9WgXcQ", media],
    ["https://www.youtube.com/shorts/dQw4w9WgXcQ", media],
    [`https://www.youtube.com/shorts/dQw4w9WgXcQ?list=${LIST}`, media],
    ["https://www.youtube.com/live/dQw4w9WgXcQ", media],
    ["https://www.youtube.com/", media],

    [`https://youtube.com.evil.example/playlist?list=${LIST}`, media],
    [`https://www.youtube.com@evil.example/playlist?list=${LIST}`, media],
    [`https://user:pass@www.youtube.com/playlist?list=${LIST}`, media],
    [`https://www.youtube.com:8443/playlist?list=${LIST}`, media],
    [`https://notyoutube.com/playlist?list=${LIST}`, media],
    [`https://evil.example/https://open.spotify.com/show/${SHOW}`, media],
    [`https://open.spotify.com.evil.example/show/${SHOW}`, media],
    [`https://open.spotify.com:444/show/${SHOW}`, media],
    ["https://www.youtube.com/playlist?list=../../x", media],
    ["https://media.example.com/feed.xml", media],
  ])("recognises %s", (url, recognised) => {
    expect(recognise(url, false)).toEqual(recognised);
  });

  it("treats every URL of another site as one media item, whatever is in it", () => {
    const paths = fc.constantFrom(`/playlist?list=${LIST}`, `/show/${SHOW}`, "/@handle", "/watch?v=a&list=b");
    const other = fc.webUrl({ withQueryParameters: true }).filter((url) => !/youtu|spotify/i.test(url));
    fc.assert(
      fc.property(other, paths, (url, path) => {
        expect(recognise(url, false)).toEqual(media);
        expect(recognise(new URL(url).origin + path, false)).toEqual(media);
      }),
    );
  });

  it("treats any other URL as a list when the caller says so", () => {
    const url = "https://media.example.com/feed.xml";
    expect(recognise(url, true)).toEqual({ type: "playlist", url });
    expect(recognise(`https://open.spotify.com/show/${SHOW}`, true)).toEqual(show);
    expect(recognise("https://www.youtube.com/@handle", true)).toEqual(playlist("/@handle"));
  });
});
