using System.Buffers;
using System.Globalization;
using Dumont.Snapshots;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Dumont.Server.Snapshots;

/// <summary>Objects between a store and a request. Bounded: an object is at most <see cref="ObjectBytesMax"/>, and few are held at once.</summary>
internal sealed class ObjectTransfer : IDisposable
{
    /// <summary>Packs of both engines are some 16 MiB; one large chunk may go beyond.</summary>
    public const int ObjectBytesMax = 128 << 20;

    private const int PieceBytes = 1 << 20;
    private const int UploadsAtOnce = 8;

    private readonly SemaphoreSlim _uploads = new(UploadsAtOnce);

    /// <summary>Stores the request's body under <paramref name="name"/>.</summary>
    /// <returns>The status to answer: 201, 409 where there is one already, 411 and 413 for a body without length or too large.</returns>
    public async Task<int> PutAsync(HttpContext context, IObjectStore store, string name, PutMode mode)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = ObjectBytesMax;
        }

        if (context.Request.ContentLength is not { } length)
        {
            return StatusCodes.Status411LengthRequired;
        }

        if (length > ObjectBytesMax)
        {
            return StatusCodes.Status413PayloadTooLarge;
        }

        await _uploads.WaitAsync(context.RequestAborted);
        var buffer = ArrayPool<byte>.Shared.Rent((int)length);
        try
        {
            var content = buffer.AsMemory(0, (int)length);
            await context.Request.Body.ReadExactlyAsync(content, context.RequestAborted);
            return await store.PutAsync(name, content, mode, context.RequestAborted) ? StatusCodes.Status201Created : StatusCodes.Status409Conflict;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            _uploads.Release();
        }
    }

    /// <summary>Answers with an object, or the piece of it that the request's one range names.</summary>
    public static async Task GetAsync(HttpContext context, IObjectStore store, string name, bool headOnly)
    {
        var response = context.Response;
        if (await store.FindAsync(name, context.RequestAborted) is not { } found)
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var (from, length) = (0L, found.SizeBytes);
        if (RangeHeaderValue.TryParse(context.Request.Headers.Range.ToString(), out var range) && range.Ranges.Count == 1)
        {
            var asked = range.Ranges.First();
            from = asked.From ?? Math.Max(0, found.SizeBytes - (asked.To ?? 0));
            var to = asked.From is null ? found.SizeBytes - 1 : Math.Min(asked.To ?? long.MaxValue, found.SizeBytes - 1);
            if (from > to)
            {
                response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                return;
            }

            length = to - from + 1;
            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to}/{found.SizeBytes}");
        }

        response.ContentType = "application/octet-stream";
        response.ContentLength = length;
        if (!headOnly)
        {
            await CopyAsync(store, name, from, length, response);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _uploads.Dispose();

    private static async Task CopyAsync(IObjectStore store, string name, long from, long length, HttpResponse response)
    {
        var cancellationToken = response.HttpContext.RequestAborted;
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(length, PieceBytes));
        try
        {
            for (var done = 0L; done < length;)
            {
                var piece = buffer.AsMemory(0, (int)Math.Min(buffer.Length, length - done));
                var read = await store.ReadAsync(name, from + done, piece, cancellationToken);
                if (read == 0)
                {
                    // Cut short in between: the reader must not take it for whole.
                    response.HttpContext.Abort();
                    return;
                }

                await response.Body.WriteAsync(piece[..read], cancellationToken);
                done += read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
