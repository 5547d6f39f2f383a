using Dumont.Market.Gpus;

namespace Dumont.Market.Tests.Gpus;

public sealed class GpuNamesTests
{
    [Theory]
    [InlineData("rtx4090", "RTX 4090")]
    [InlineData("RTX_4090", "RTX 4090")]
    [InlineData("rtx 4090", "RTX 4090")]
    [InlineData("NVIDIA GeForce RTX 4090", "RTX 4090")]
    [InlineData("rtx-4090 24GB", "RTX 4090")]
    [InlineData("rtx 4080 super", "RTX 4080S")]
    [InlineData("RTX 4070 Ti SUPER", "RTX 4070S Ti")]
    [InlineData("rtx4070ti", "RTX 4070 Ti")]
    [InlineData("RTX 6000 Ada Generation", "RTX 6000Ada")]
    [InlineData("quadro rtx 8000", "Q RTX 8000")]
    [InlineData("rtx8000", "Q RTX 8000")]
    [InlineData("t4", "Tesla T4")]
    [InlineData("V100", "Tesla V100")]
    [InlineData("a100 sxm4", "A100 SXM4")]
    [InlineData("h100_sxm", "H100 SXM")]
    [InlineData("l40s", "L40S")]
    public void Canonical_OfOneGpu_IsFound(string text, string name)
    {
        Assert.Equal(name, GpuNames.FindCanonical(text));
        Assert.Equal(name, GpuNames.Normalise(text));
    }

    [Theory]
    [InlineData("a100")]
    [InlineData("RTX")]
    [InlineData("h100")]
    [InlineData("")]
    [InlineData("GTX 9999")]
    public void Canonical_OfManyOrNone_IsNull(string text) => Assert.Null(GpuNames.FindCanonical(text));

    [Theory]
    [InlineData("rtx4090", "RTX 4090", true)]
    [InlineData("RTX_4090", "RTX 4090", true)]
    [InlineData("RTX 4090", "RTX 4090D", false)]
    [InlineData("rtx 4080", "RTX 4080S", false)]
    [InlineData("RTX", "RTX 3060 Ti", true)]
    [InlineData("RTX", "A100 SXM4", false)]
    [InlineData("a100", "A100 PCIE", true)]
    [InlineData("A10", "A100 PCIE", false)]
    [InlineData("l4", "L40S", false)]
    [InlineData("4090", "RTX 4090D", true)]
    [InlineData("", "anything", true)]
    [InlineData("", null, true)]
    [InlineData("rtx", null, false)]
    [InlineData("rtx 7777", "RTX 7777 Ti", true)]
    public void Matches_Query_AsPeopleMeanIt(string query, string? name, bool expected) => Assert.Equal(expected, GpuNames.Matches(query, name));

    [Fact]
    public void Expand_Query_GivesTheProvidersSpellings()
    {
        Assert.Equal(["RTX 4090"], GpuNames.Expand("rtx4090"));
        Assert.Equal(["A100 SXM4", "A100 PCIE"], GpuNames.Expand("a100"));
        Assert.InRange(GpuNames.Expand("RTX").Count, 40, 60);
        Assert.Empty(GpuNames.Expand("voodoo"));
        Assert.Empty(GpuNames.Expand(" "));
    }

    [Fact]
    public void EveryModel_InEverySpelling_IsItself() => Assert.All(GpuModels.All, model =>
    {
        foreach (var spelling in new[] { model.Name, model.Name.ToLowerInvariant(), model.Name.Replace(' ', '_'), model.Name.Replace(" ", ""), $"NVIDIA {model.Name}" })
        {
            Assert.Equal(model.Name, GpuNames.FindCanonical(spelling));
            Assert.True(GpuNames.Matches(spelling, model.Name));
        }
    });

    [Fact]
    public void Model_OfTwoSizes_IsToldByMemory()
    {
        Assert.Equal(77, GpuModels.All.Count);
        Assert.Equal(80, GpuModels.Find("A100 SXM4", 81920)!.MemoryGb);
        Assert.Equal(40, GpuModels.Find("A100 SXM4", 40536)!.MemoryGb);
        Assert.Null(GpuModels.Find("voodoo", 4));
    }
}
