using System.Globalization;
using System.Net;

namespace Dumont.Snapshots;

/// <summary>Reads one stretch of an object. A connection that breaks in the middle is taken up again where it broke.</summary>
internal sealed class S3Download(S3Transport transport, string name, long offset, Memory<byte> destination)
{
    private readonly TaskCompletionSource<long> _head = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _tag;
    private string? _checksum;
    private int _done;
    private uint _crc;

    /// <summary>Completes with the object's length as soon as the server has told it; fails with the download.</summary>
    public Task<long> Head => _head.Task;

    /// <summary>The tag of the object that is read.</summary>
    public string? Tag => _tag;

    /// <summary>CRC-32C of what was read.</summary>
    public uint Crc => _crc;

    /// <summary>Asks for the whole object without naming a range, which is the only way to be told its checksum.</summary>
    public bool AsksForWhole { get; init; }

    /// <summary>The tag that the object must have, or null for any.</summary>
    public string? RequiredTag
    {
        get => _tag;
        init => _tag = value;
    }

    /// <summary>Returns how many bytes were read: fewer than there is room for only at the object's end.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await transport.RunAsync(Make, ReadAsync, cancellationToken);
        }
        catch (Exception e)
        {
            _head.TrySetException(e);
            // Seen here; whoever waits for the head alone sees it there.
            _ = _head.Task.Exception;
            throw;
        }
    }

    private S3Call Make()
    {
        var headers = new List<(string Name, string Value)>();
        if (AsksForWhole && _done == 0)
        {
            headers.Add(("x-amz-checksum-mode", "ENABLED"));
        }
        else
        {
            headers.Add(("Range", string.Create(CultureInfo.InvariantCulture, $"bytes={offset + _done}-{offset + destination.Length - 1}")));
        }

        if (_tag is not null)
        {
            headers.Add(("If-Match", _tag));
        }

        return new S3Call(HttpMethod.Get, transport.AddressOf(name), $"read {name}")
        {
            Headers = headers,
            ExpectedBytes = destination.Length - _done,
            Accepts = [HttpStatusCode.RequestedRangeNotSatisfiable, HttpStatusCode.PreconditionFailed],
        };
    }

    private async Task<int> ReadAsync(HttpResponseMessage response, int attempt, CancellationToken cancellationToken)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.RequestedRangeNotSatisfiable:
                _head.TrySetResult(response.Content.Headers.ContentRange?.Length ?? offset);
                return _done;
            case HttpStatusCode.PreconditionFailed:
                // Replaced while it was read: begin again with the new one.
                Restart();
                throw new DamagedAnswerException("it was replaced while it was read");
            default:
                break;
        }

        var total = ReadHead(response);
        var wanted = (int)Math.Max(0, Math.Min(destination.Length, total - offset));
        _head.TrySetResult(total);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        while (_done < wanted)
        {
            var read = await stream.ReadAsync(destination[_done..wanted], cancellationToken);
            if (read == 0)
            {
                throw new DamagedAnswerException("the answer ended early");
            }

            _crc = S3Crc.Append(_crc, destination.Span.Slice(_done, read));
            _done += read;
        }

        if (_checksum is not null && wanted == total && _checksum != S3Crc.ToBase64(_crc))
        {
            Restart();
            throw new DamagedAnswerException("what arrived is not what was stored, by its checksum");
        }

        return _done;
    }

    // Takes the object's length out of the head, and checks that the server sends what was asked for.
    private long ReadHead(HttpResponseMessage response)
    {
        var length = response.Content.Headers.ContentLength ?? throw new DamagedAnswerException("the answer has no length");
        _tag = response.Headers.ETag?.ToString();
        if (response.StatusCode == HttpStatusCode.PartialContent)
        {
            var range = response.Content.Headers.ContentRange;
            if (range is not { Length: { } total, From: { } from, To: { } to } || from != offset + _done || to - from + 1 != length)
            {
                throw new DamagedAnswerException("the server sent another range than it was asked for");
            }

            return total;
        }

        if (offset + _done > 0)
        {
            throw new ObjectStoreException(ObjectStoreErrorKind.Protocol, $"cannot read {name} in {transport.Where}: the server ignores ranges");
        }

        _checksum = response.Headers.TryGetValues("x-amz-checksum-crc32c", out var values) && values.First() is var value && !value.Contains('-', StringComparison.Ordinal) ? value : null;
        return length;
    }

    private void Restart()
    {
        _done = 0;
        _crc = 0;
        _tag = null;
        _checksum = null;
    }
}
