using System.IO.Pipelines;
using System.Net;
using Dumont.Providers.Tests.Fakes;
using Dumont.Providers.Vast;

namespace Dumont.Providers.Tests.Vast;

/// <summary>An answer without an end. The pipe it comes through holds little, so what was written is what was read, and not what a closed socket swallows.</summary>
public sealed class VastHugeAnswerTests
{
    private const int PipeBytes = 1 << 20;
    private const int BoundBytes = 8 << 20;

    [Fact]
    public async Task Read_HugeAnswer_IsCutOffAtTheBound()
    {
        using var endless = new Endless();
        using var http = ProviderHttp.CreateClient(endless);
        using var provider = new VastProvider(
            http,
            new VastOptions { BaseUrl = new Uri("http://vast.example"), PaceRequests = false },
            new Secret(VastBench.Canary),
            new ManualTimeProvider(TimeSpan.FromSeconds(9)),
            new Random(1));

        var listing = await provider.ListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(ProviderErrorKind.Protocol, Assert.IsType<MachineListing.Unknown>(listing).Kind);
        Assert.NotEmpty(endless.Answers);
        foreach (var answer in endless.Answers)
        {
            Assert.InRange(await answer, BoundBytes, BoundBytes + (2 * PipeBytes));
        }
    }

    /// <summary>Answers every request with spaces for as long as they are read.</summary>
    private sealed class Endless : HttpMessageHandler
    {
        /// <summary>Bytes written of each answer, when its reading has ended.</summary>
        public List<Task<long>> Answers { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: PipeBytes, resumeWriterThreshold: PipeBytes / 2, useSynchronizationContext: false));
            Answers.Add(WriteAsync(pipe.Writer));
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(pipe.Reader.AsStream()) });
        }

        private static async Task<long> WriteAsync(PipeWriter writer)
        {
            var block = Enumerable.Repeat((byte)' ', 64 << 10).ToArray();
            var written = 0L;
            while (!(await writer.WriteAsync(block)).IsCompleted)
            {
                written += block.Length;
            }

            return written;
        }
    }
}
