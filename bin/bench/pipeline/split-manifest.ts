export interface SplitFiles {
  readonly seconds: number;
  /** Addresses, relative to the manifest's. */
  readonly video: string;
  readonly audio: string;
  /** Bitrate of the video, in bits per second. */
  readonly videoRate: number;
  readonly width: number;
  readonly height: number;
}

/** A manifest of two whole files, H.264 and AAC, as sites offer video and audio apart. */
export const splitManifest = ({ audio, height, seconds, video, videoRate, width }: SplitFiles): string =>
  `<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"
  mediaPresentationDuration="PT${seconds}S" minBufferTime="PT2S">
  <Period>
    <AdaptationSet contentType="video" mimeType="video/mp4" codecs="avc1.42c01e">
      <Representation id="v" bandwidth="${videoRate}" width="${width}" height="${height}" frameRate="25">
        <BaseURL>${video}</BaseURL>
      </Representation>
    </AdaptationSet>
    <AdaptationSet contentType="audio" mimeType="audio/mp4" codecs="mp4a.40.2">
      <Representation id="a" bandwidth="128000" audioSamplingRate="44100">
        <BaseURL>${audio}</BaseURL>
      </Representation>
    </AdaptationSet>
  </Period>
</MPD>
`;
