using System.Text;
using Dumont.LocalCloud.Faults;

namespace Dumont.Snapshots.Tests.Stores;

public sealed class S3ObjectStoreConformance(LocalS3 s3) : ObjectStoreConformance, IClassFixture<LocalS3>
{
    private readonly S3StoreOptions _options = s3.NewPlace();

    private protected override Task<IObjectStore> OpenAsync() => Task.FromResult<IObjectStore>(new S3ObjectStore(_options));

    private protected override ValueTask CloseAsync() => ValueTask.CompletedTask;
}

/// <summary>The same with bodies that are hashed for the signature instead of a checksum.</summary>
public sealed class S3SignedObjectStoreConformance(LocalS3 s3) : ObjectStoreConformance, IClassFixture<LocalS3>
{
    private readonly S3StoreOptions _options = s3.NewPlace() with { SignPayload = true, SendChecksums = false };

    private protected override Task<IObjectStore> OpenAsync() => Task.FromResult<IObjectStore>(new S3ObjectStore(_options));

    private protected override ValueTask CloseAsync() => ValueTask.CompletedTask;
}

/// <summary>What the store does when the server or the network does not do its part.</summary>
public sealed class S3ObjectStoreFaultTests : IClassFixture<LocalS3>, IAsyncDisposable
{
    private const string Name = "packs/3a/3a7f";
    private readonly LocalS3 _s3;
    private readonly S3StoreOptions _options;
    private readonly S3ObjectStore _store;

    public S3ObjectStoreFaultTests(LocalS3 s3)
    {
        _s3 = s3;
        _options = s3.NewPlace();
        _store = new S3ObjectStore(_options);
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Theory]
    [InlineData(FaultKind.ErrorBefore, 500)]
    [InlineData(FaultKind.ErrorBefore, 503)]
    [InlineData(FaultKind.ErrorAfter, 500)]
    [InlineData(FaultKind.ErrorAfter, 502)]
    [InlineData(FaultKind.TooManyRequests, 0)]
    [InlineData(FaultKind.Refused, 0)]
    [InlineData(FaultKind.AnswerLost, 0)]
    [InlineData(FaultKind.LostWrite, 0)]
    public async Task Put_StruckTwice_IsStillCreatedOnceByUs(string kind, double status)
    {
        _s3.Arm(kind, CloudOperation.ObjectPut, count: 2, status);

        Assert.True(await PutAsync(300_000));

        await AssertHoldsAsync(300_000);
        Assert.False(await PutAsync(300_000));
    }

    [Theory]
    [InlineData(CloudOperation.UploadBegin, FaultKind.ErrorBefore)]
    [InlineData(CloudOperation.PartPut, FaultKind.ErrorBefore)]
    [InlineData(CloudOperation.PartPut, FaultKind.ErrorAfter)]
    [InlineData(CloudOperation.PartPut, FaultKind.AnswerLost)]
    [InlineData(CloudOperation.PartPut, FaultKind.Refused)]
    [InlineData(CloudOperation.UploadComplete, FaultKind.ErrorBefore)]
    [InlineData(CloudOperation.UploadComplete, FaultKind.ErrorAfter)]
    [InlineData(CloudOperation.UploadComplete, FaultKind.AnswerLost)]
    [InlineData(CloudOperation.UploadComplete, FaultKind.TruncatedBody)]
    [InlineData(CloudOperation.UploadComplete, FaultKind.LostWrite)]
    public async Task PutLarge_StruckTwice_IsStillCreatedOnceByUs(string operation, string kind)
    {
        _s3.Arm(kind, operation, count: 2, status: 503);

        Assert.True(await PutAsync(17 << 20));

        await AssertHoldsAsync(17 << 20);
        Assert.False(await PutAsync(17 << 20));
    }

    [Fact]
    public async Task PutLarge_OverwriteWhoseLastAnswerIsLost_IsWritten()
    {
        _s3.Arm(FaultKind.AnswerLost, CloudOperation.UploadComplete);

        Assert.True(await _store.PutAsync(Name, Bytes(17 << 20), PutMode.Overwrite, Cancelled));

        await AssertHoldsAsync(17 << 20);
    }

    [Theory]
    [InlineData(FaultKind.ErrorBefore)]
    [InlineData(FaultKind.TooManyRequests)]
    [InlineData(FaultKind.Refused)]
    [InlineData(FaultKind.AnswerLost)]
    [InlineData(FaultKind.TruncatedBody)]
    [InlineData(FaultKind.ResetMidBody)]
    [InlineData(FaultKind.FlippedByte)]
    public async Task Read_WholeObjectStruckTwice_IsRightInTheEnd(string kind)
    {
        foreach (var length in (int[])[1000, 2 << 20, 17 << 20])
        {
            var name = $"packs/aa/{length}";
            await _store.PutAsync(name, Bytes(length), PutMode.CreateNew, Cancelled);
            _s3.Arm(kind, CloudOperation.ObjectGet, count: 2);
            var back = new byte[length];

            Assert.Equal(length, await _store.ReadAsync(name, 0, back, Cancelled));

            Assert.True(back.AsSpan().SequenceEqual(Bytes(length)), $"{length} bytes");
        }
    }

    [Theory]
    [InlineData(FaultKind.TruncatedBody)]
    [InlineData(FaultKind.ResetMidBody)]
    [InlineData(FaultKind.ErrorBefore)]
    public async Task Read_RangeStruckThrice_IsRightInTheEnd(string kind)
    {
        await PutAsync(2 << 20);
        _s3.Arm(kind, CloudOperation.ObjectGet, count: 3);
        var back = new byte[1 << 20];

        Assert.Equal(1 << 20, await _store.ReadAsync(Name, 12_345, back, Cancelled));

        Assert.True(back.AsSpan().SequenceEqual(Bytes(2 << 20).AsSpan(12_345, 1 << 20)));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(17 << 20)]
    public async Task Read_FlippedEveryTime_IsCorrupt(int length)
    {
        await PutAsync(length);
        _s3.Arm(FaultKind.FlippedByte, CloudOperation.ObjectGet, count: 1000);

        var failure = await Assert.ThrowsAsync<ObjectStoreException>(async () => await _store.ReadAsync(Name, 0, new byte[length], Cancelled));

        Assert.Equal(ObjectStoreErrorKind.Corrupt, failure.Kind);
        Assert.Contains(Name, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_NoAnswer_IsAskedAgain()
    {
        await PutAsync(1000);
        _s3.Arm(FaultKind.NoAnswer, CloudOperation.ObjectGet);
        await using var impatient = new S3ObjectStore(_options with { Timeout = TimeSpan.FromMilliseconds(200) });

        Assert.Equal(1000, await impatient.ReadAsync(Name, 0, new byte[1000], Cancelled));
    }

    [Theory]
    [InlineData(FaultKind.ErrorBefore, ObjectStoreErrorKind.Transient)]
    [InlineData(FaultKind.TooManyRequests, ObjectStoreErrorKind.Transient)]
    [InlineData(FaultKind.Refused, ObjectStoreErrorKind.Transient)]
    [InlineData(FaultKind.ScopeLost, ObjectStoreErrorKind.Denied)]
    [InlineData(FaultKind.KeyRevoked, ObjectStoreErrorKind.Denied)]
    public async Task EveryCall_StruckForGood_SaysWhyAndTellsNoSecret(string kind, ObjectStoreErrorKind expected)
    {
        foreach (var operation in CloudOperation.OfS3)
        {
            _s3.Arm(kind, operation, count: 10_000);
        }

        Func<Task>[] calls =
        [
            async () => await PutAsync(10),
            async () => await PutAsync(17 << 20),
            async () => await _store.ReadAsync(Name, 0, new byte[10], Cancelled),
            async () => await _store.ReadAsync(Name, 0, new byte[17 << 20], Cancelled),
            async () => await _store.FindAsync(Name, Cancelled),
            async () => await _store.DeleteAsync(Name, Cancelled),
            async () => await _store.ListAsync("", Cancelled).ToListAsync(Cancelled),
        ];
        foreach (var call in calls)
        {
            var failure = await Assert.ThrowsAsync<ObjectStoreException>(call);
            Assert.Equal(expected, failure.Kind);
            Assert.Contains("s3://repository/some/where", failure.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(_s3.Credentials.SecretAccessKey, failure.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Put_AcknowledgedAndNeverKept_IsCorrupt()
    {
        _s3.Arm(FaultKind.LostWrite, CloudOperation.ObjectPut, count: 1000);

        var failure = await Assert.ThrowsAsync<ObjectStoreException>(async () => await PutAsync(10));

        Assert.Equal(ObjectStoreErrorKind.Corrupt, failure.Kind);
    }

    [Fact]
    public async Task List_StruckOnce_IsWhole()
    {
        await PutAsync(10);
        _s3.Arm(FaultKind.TruncatedBody, CloudOperation.ObjectList);
        _s3.Arm(FaultKind.ResetMidBody, CloudOperation.ObjectList);

        Assert.Equal(Name, Assert.Single(await _store.ListAsync("", Cancelled).ToListAsync(Cancelled)).Name);
    }

    [Fact]
    public async Task PutLarge_GivenUp_LeavesNoParts()
    {
        _s3.Arm(FaultKind.ErrorBefore, CloudOperation.PartPut, count: 10_000);
        await Assert.ThrowsAsync<ObjectStoreException>(async () => await PutAsync(17 << 20));

        Assert.Contains("<ListMultipartUploadsResult", await UploadsAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("<Upload>", await UploadsAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task PutLarge_AfterAnUploadThatWasCutOff_SendsOnlyWhatIsMissing()
    {
        // Neither the last call nor the abort gets through: as if the process had been killed before them.
        _s3.Arm(FaultKind.Refused, CloudOperation.UploadComplete, count: 6);
        _s3.Arm(FaultKind.Refused, CloudOperation.UploadAbort, count: 6);
        await Assert.ThrowsAsync<ObjectStoreException>(async () => await PutAsync(65 << 20));
        Assert.Contains("<Upload>", await UploadsAsync(), StringComparison.Ordinal);
        // Any part that were sent again would fail.
        _s3.Arm(FaultKind.ScopeLost, CloudOperation.PartPut, count: 1000);

        Assert.True(await PutAsync(65 << 20));

        await AssertHoldsAsync(65 << 20);
        Assert.DoesNotContain("<Upload>", await UploadsAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_WrongKeyBucketOrRegion_SaysWhatToDo()
    {
        var wrongKey = await FailAsync(_options with { Credentials = _s3.Credentials with { SecretAccessKey = "wrong-and-secret" } });
        Assert.Equal(ObjectStoreErrorKind.Denied, wrongKey.Kind);
        Assert.Contains("check access key and secret", wrongKey.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong-and-secret", wrongKey.ToString(), StringComparison.Ordinal);

        var wrongBucket = await FailAsync(_options with { Bucket = "another" });
        Assert.Equal(ObjectStoreErrorKind.NotFound, wrongBucket.Kind);
        Assert.Contains("make the bucket first", wrongBucket.Message, StringComparison.Ordinal);

        var wrongRegion = await FailAsync(_options with { Region = "mars-north-1" });
        Assert.Equal(ObjectStoreErrorKind.Protocol, wrongRegion.Kind);
        Assert.Contains("set the region to us-east-1", wrongRegion.Message, StringComparison.Ordinal);

        var nobody = await FailAsync(_options with { Endpoint = new Uri("http://127.0.0.1:1") });
        Assert.Equal(ObjectStoreErrorKind.Transient, nobody.Kind);
        Assert.Contains("127.0.0.1:1", nobody.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("s3://bucket", "bucket", "")]
    [InlineData("s3://bucket/", "bucket", "")]
    [InlineData("s3://bucket.with.dots/a/b", "bucket.with.dots", "a/b")]
    [InlineData("s3://bucket/a/b/", "bucket", "a/b")]
    public void ForLocation_Location_IsTakenApart(string location, string bucket, string prefix)
    {
        var options = S3StoreOptions.ForLocation(location, _s3.Endpoint, "eu-1", _s3.Credentials);

        Assert.Equal((bucket, prefix, "eu-1"), (options.Bucket, options.Prefix, options.Region));
        Assert.DoesNotContain(_s3.Credentials.SecretAccessKey, options.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(_s3.Credentials.AccessKeyId, options.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://bucket/x")]
    [InlineData("s3://B")]
    [InlineData("s3://bucket/a b")]
    [InlineData("s3://bucket/../x")]
    [InlineData("s3://bucket/a//b")]
    public void ForLocation_SomethingElse_IsRefused(string location) =>
        Assert.Throws<ArgumentException>(() => new S3ObjectStore(S3StoreOptions.ForLocation(location, _s3.Endpoint, "eu-1", _s3.Credentials)));

    [Fact]
    public async Task Presign_Addresses_DoThatOneThingForWhoeverHoldsThem()
    {
        var signer = new S3Signer(_s3.Credentials, "us-east-1", TimeProvider.System);
        var address = new Uri(_s3.Endpoint, "/repository/by-address");
        using var http = new HttpClient();

        using var put = await http.PutAsync(signer.Presign(HttpMethod.Put, address, TimeSpan.FromMinutes(5)), new ByteArrayContent("shared"u8.ToArray()), Cancelled);
        Assert.Equal(200, (int)put.StatusCode);
        Assert.Equal("shared", await http.GetStringAsync(signer.Presign(HttpMethod.Get, address, TimeSpan.FromMinutes(5)), Cancelled));
        using var head = await http.SendAsync(new HttpRequestMessage(HttpMethod.Head, signer.Presign(HttpMethod.Head, address, TimeSpan.FromMinutes(5))), Cancelled);
        Assert.Equal(6, head.Content.Headers.ContentLength);
        using var misused = await http.DeleteAsync(signer.Presign(HttpMethod.Get, address, TimeSpan.FromMinutes(5)), Cancelled);
        Assert.Equal(403, (int)misused.StatusCode);
        using var other = await http.GetAsync(new Uri(signer.Presign(HttpMethod.Get, address, TimeSpan.FromMinutes(5)).ToString().Replace("by-address", "another", StringComparison.Ordinal)), Cancelled);
        Assert.Equal(403, (int)other.StatusCode);
        using var delete = await http.DeleteAsync(signer.Presign(HttpMethod.Delete, address, TimeSpan.FromMinutes(5)), Cancelled);
        Assert.Equal(204, (int)delete.StatusCode);
        Assert.Throws<ArgumentOutOfRangeException>(() => signer.Presign(HttpMethod.Get, address, TimeSpan.FromDays(8)));
    }

    [Fact]
    public void Presign_ExampleOfAmazon_HasItsSignature()
    {
        var signer = new S3Signer(new S3Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "us-east-1", new ExampleTime());

        var address = signer.Presign(HttpMethod.Get, new Uri("https://examplebucket.s3.amazonaws.com/test.txt"), TimeSpan.FromDays(1));

        Assert.EndsWith("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", address.AbsoluteUri, StringComparison.Ordinal);
    }

    [Fact]
    public void Crc_OfLanesAndParts_IsThatOfTheBytesInOneGo()
    {
        var bytes = Bytes(100_003);
        foreach (var length in (int[])[0, 1, 7, 8, 24_575, 24_576, 24_577, 100_003])
        {
            Assert.Equal(Dumont.Snapshots.Sync.Crc32C.Of(bytes.AsSpan(0, length)), S3Crc.Append(0, bytes.AsSpan(0, length)));
            var (one, other) = (S3Crc.Append(0, bytes.AsSpan(0, length)), S3Crc.Append(0, bytes.AsSpan(length)));
            Assert.Equal(S3Crc.Append(0, bytes), S3Crc.Combine(one, other, bytes.Length - length));
        }

        Assert.Equal("4waSgw==", S3Crc.ToBase64(S3Crc.Append(0, Encoding.ASCII.GetBytes("123456789"))));
    }

    private sealed class ExampleTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2013, 5, 24, 0, 0, 0, TimeSpan.Zero);
    }

    private static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        new SeededRandom(length).Fill(bytes);
        return bytes;
    }

    private ValueTask<bool> PutAsync(int length) => _store.PutAsync(Name, Bytes(length), PutMode.CreateNew, Cancelled);

    private async Task AssertHoldsAsync(int length)
    {
        var back = new byte[length + 1];
        Assert.Equal(length, await _store.ReadAsync(Name, 0, back, Cancelled));
        Assert.True(back.AsSpan(0, length).SequenceEqual(Bytes(length)));
    }

    private async Task<string> UploadsAsync()
    {
        using var http = new HttpClient();
        var signer = new S3Signer(_s3.Credentials, "us-east-1", TimeProvider.System);
        return await http.GetStringAsync(signer.Presign(HttpMethod.Get, new Uri(_s3.Endpoint, $"/repository?prefix={_options.Prefix}/&uploads="), TimeSpan.FromMinutes(1)), Cancelled);
    }

    private static async Task<ObjectStoreException> FailAsync(S3StoreOptions options)
    {
        await using var store = new S3ObjectStore(options);
        return await Assert.ThrowsAsync<ObjectStoreException>(async () => await store.ListAsync("", Cancelled).ToListAsync(Cancelled));
    }
}
