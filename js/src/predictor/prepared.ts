// Files made ready for their way to the kernel: Jupyter's line takes messages up to about 10 MB.

/** What is sent as it is. */
export const MOST_BYTES = 8_000_000;
/** Longer side of what has to be made smaller. */
const SHRUNK_PX = 2560;
const QUALITY = 0.92;
/** What the kernel reads by itself; others are drawn by the browser first, where it can. */
const READ = /^image\/(jpeg|png|webp|gif|bmp|x-ms-bmp|tiff|avif|jp2)$/;

export interface Source {
  name: string;
  data: Blob;
}

export interface Prepared {
  bytes: ArrayBuffer;
  /** What was done to it; "" where nothing was. */
  note: string;
}

/** Bytes to send, or a sentence that says why there are none. */
export async function prepared({ name, data }: Source): Promise<Prepared | string> {
  if (!data.size) return `${name}: the file has zero bytes`;
  const large = data.size > MOST_BYTES;
  const drawn = large || (data.type.startsWith("image/") && !READ.test(data.type)) ? await redrawn(data) : undefined;
  if (drawn) return { bytes: await drawn.data.arrayBuffer(), note: large ? `${megabytes(data.size)} made smaller by the browser, to ${drawn.width} × ${drawn.height} px` : "" };
  if (large) return tooLarge(name, data.size);
  try {
    return { bytes: await data.arrayBuffer(), note: "" };
  } catch {
    return `${name} can’t be read by the browser: is it a folder, or gone?`;
  }
}

function tooLarge(name: string, size: number): string {
  return `${name} has ${megabytes(size)} and this browser can’t make it smaller; at most ${megabytes(MOST_BYTES)} go to the kernel. Save it as a JPEG.`;
}

function megabytes(size: number): string {
  return `${(size / 1e6).toFixed(1)} MB`;
}

interface Drawn {
  data: Blob;
  width: number;
  height: number;
}

/** The image drawn on white, upright and no larger than needed; undefined where the browser can't. */
async function redrawn(data: Blob): Promise<Drawn | undefined> {
  try {
    const image = await createImageBitmap(data);
    const scale = Math.min(1, SHRUNK_PX / Math.max(image.width, image.height));
    const [width, height] = [Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale))];
    const drawn = await jpegOf(image, width, height);
    image.close();
    return drawn && { data: drawn, width, height };
  } catch {
    return undefined; // of a kind that this browser can't decode: the caller has the sentence
  }
}

/** What a picture source shows now, as a JPEG. */
export async function jpegOf(source: CanvasImageSource, width: number, height: number): Promise<Blob | undefined> {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  if (!pen) return undefined;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(source, 0, 0, width, height);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? undefined), "image/jpeg", QUALITY));
}
