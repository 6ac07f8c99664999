/** A manifest of two whole files beside it, as sites offer picture and sound apart. */
export const splitManifest = (video: string, audio: string, seconds: number): Buffer =>
  Buffer.from(`<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"
  mediaPresentationDuration="PT${seconds}S" minBufferTime="PT2S">
  <Period>
    <AdaptationSet contentType="video" mimeType="video/mp4" codecs="avc1.42c01e">
      <Representation id="v" bandwidth="1000000" width="320" height="180" frameRate="25">
        <BaseURL>${video}</BaseURL>
      </Representation>
    </AdaptationSet>
    <AdaptationSet contentType="audio" mimeType="audio/mp4" codecs="mp4a.40.2">
      <Representation id="a" bandwidth="64000" audioSamplingRate="44100">
        <BaseURL>${audio}</BaseURL>
      </Representation>
    </AdaptationSet>
  </Period>
</MPD>
`);
