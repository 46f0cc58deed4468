// A camera of the visitor's machine: what it sees, and a picture of that.

import { el, show } from "../lib/dom";
import { jpegOf, type Source } from "./prepared";

const IDEAL_PX = 1280;
/** Names of what browsers refuse with, and what a person can do. */
const REFUSALS: Record<string, string> = {
  NotAllowedError: "The browser does not let this page use the camera: allow it beside the address, and press Camera again.",
  NotFoundError: "There is no camera.",
  NotReadableError: "The camera is in use by another program: close that, and press Camera again.",
};

export class Camera {
  readonly element: HTMLElement;
  private readonly video = el("video", { class: "nbft-camera-video", playsinline: true, "aria-label": "What the camera sees" });
  private readonly shoot = el("button", { class: "nbft-button nbft-primary", type: "button" }, "Take a picture");
  private readonly end = el("button", { class: "nbft-button", type: "button" }, "Close camera");
  private stream: MediaStream | undefined;
  private starting = false;
  private taken = 0;

  constructor(
    private readonly take: (source: Source) => void,
    private readonly say: (error: string) => void,
    private readonly changed: (on: boolean) => void,
    signal: AbortSignal,
  ) {
    const buttons = el("div", { class: "nbft-camera-buttons" }, this.shoot, this.end);
    this.element = el("div", { class: "nbft-camera", hidden: true }, this.video, buttons);
    this.video.muted = true;
    this.shoot.addEventListener("click", () => void this.picture());
    this.end.addEventListener("click", () => this.stop());
    signal.addEventListener("abort", () => this.stop());
  }

  /** Start it, or end it where it runs. */
  async toggle(): Promise<void> {
    if (this.stream) this.stop();
    else if (!this.starting) await this.start();
  }

  private async start(): Promise<void> {
    const { mediaDevices } = navigator;
    if (!mediaDevices?.getUserMedia) {
      this.say("A browser gives its camera only to pages of https or of localhost; this is neither.");
      return;
    }
    this.starting = true;
    try {
      const video = { facingMode: "environment", width: { ideal: IDEAL_PX } };
      this.stream = await mediaDevices.getUserMedia({ video, audio: false });
      this.video.srcObject = this.stream;
      show(this.element, true);
      this.changed(true);
      await this.video.play();
      this.shoot.focus();
    } catch (error) {
      this.stop();
      this.say(REFUSALS[(error as Error).name] ?? `The camera can’t be used: ${(error as Error).message}`);
    } finally {
      this.starting = false;
    }
  }

  private stop(): void {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = undefined;
    this.video.srcObject = null;
    show(this.element, false);
    this.changed(false);
  }

  private async picture(): Promise<void> {
    const { videoWidth: width, videoHeight: height } = this.video;
    const data = width && height ? await jpegOf(this.video, width, height) : undefined;
    if (!data) {
      this.say("The camera shows nothing yet; try again in a moment.");
      return;
    }
    this.taken += 1;
    this.take({ name: `camera ${this.taken}`, data });
  }
}
