/** What both images are built by, with the repository as its context. */
export const DOCKERFILE = "processor/Dockerfile";

/** The images of the Dockerfile, by the names of their stages. */
export const TARGETS = ["processor", "whole"] as const;
export type Target = (typeof TARGETS)[number];

/** What an image says about itself, as the OCI and Docker specify it. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Healthcheck?: { readonly Test: readonly string[] };
}

/** How a container is started. */
export interface ContainerSetup {
  /** Identifies it among the containers that run. */
  readonly name: string;
  /** With a tmpfs on `/tmp`, as operators give it. */
  readonly readOnlyRoot: boolean;
  /** A volume of {@link Engine.createVolume}, and where it is mounted; null: the image's own folder. */
  readonly volume: { readonly id: string; readonly at: string } | null;
  readonly env: Readonly<Record<string, string>>;
  /** Replaces what the image runs. */
  readonly command?: readonly string[];
}

/** A command line. */
export type CommandLine = readonly [string, ...string[]];

/** A program that builds images and starts containers. */
export interface Engine {
  readonly name: string;
  /** Builds one of the images. */
  build(target: Target, tag: string, buildArgs: readonly string[]): Promise<void>;
  /** Size of all layers, in bytes. */
  sizeOf(tag: string): number;
  configOf(tag: string): ImageConfig;
  /**
   * The command that runs a container in the foreground, in this machine's network: SIGTERM to its process reaches the
   * image's program. Its environment is passed on.
   */
  commandOf(tag: string, setup: ContainerSetup): CommandLine;
  /**
   * The command that runs another one in a running container, as the image's user.
   *
   * @param pid the process of {@link commandOf}'s command
   */
  execCommandOf(tag: string, setup: ContainerSetup, pid: number, command: readonly string[]): CommandLine;
  /** Creates an empty volume that the image's user may write. @returns its id */
  createVolume(name: string): string;
  removeVolume(id: string): void;
  /** Removes what the containers left; the images stay. */
  close(): void;
}
