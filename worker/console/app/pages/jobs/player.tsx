import { useState } from "preact/hooks";
import type { Job } from "../../../../../schema/api/job.ts";
import { useTexts } from "../../texts/texts.ts";
import { Alert } from "../../ui/alert.tsx";
import { Card } from "../../ui/page.tsx";

const AUDIO = /\.(m4a|mp3|ogg|opus)$/i;

/** Plays the delivered file from the storage, and links to the files next to it. */
export function Player({ job }: { readonly job: Job }) {
  const texts = useTexts();
  const words = texts.job;
  const [isBroken, setBroken] = useState(false);
  const { s3_url: link, s3_key: key, thumbnail_url: thumbnail, subtitles } = job;
  if (link === null) return null;
  const media = {
    src: link,
    controls: true,
    preload: "metadata",
    "aria-label": job.title ?? texts.jobs.untitled,
    onError: () => setBroken(true),
  } as const;
  return (
    <Card
      title={words.player}
      actions={
        <a class="button primary" href={link} download rel="noreferrer">
          {words.download}
        </a>
      }
    >
      {isBroken && <Alert tone="info">{words.noPreview}</Alert>}
      {!isBroken &&
        (AUDIO.test(key ?? "") ? (
          <audio {...media} />
        ) : (
          <video {...media} {...(thumbnail !== null && { poster: thumbnail })} />
        ))}
      {(thumbnail !== null || subtitles.length > 0) && (
        <ul class="row">
          {thumbnail !== null && (
            <li>
              <a href={thumbnail} rel="noreferrer" download>
                {words.thumbnail}
              </a>
            </li>
          )}
          {subtitles.map(
            ({ language, url }) =>
              url !== null && (
                <li key={language}>
                  <a href={url} rel="noreferrer" download>
                    {words.subtitles}: {language}
                  </a>
                </li>
              ),
          )}
        </ul>
      )}
    </Card>
  );
}
